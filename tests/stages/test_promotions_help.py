"""On the simulated panel the truth is known: promotions and prices lift sales, and only who sees them can forecast that."""

from pathlib import Path

from forecasting.config import parse_config
from forecasting.schema import BacktestSummary
from forecasting.stages.run import run


def test_a_network_that_sees_promotions_beats_the_same_network_and_the_baselines_that_do_not(tmp_path: Path):
    scores = {}
    for seen in (True, False):
        covariates = {"static": ["store_type"], "known_future": ["promotion", "price"] if seen else []}
        config = {
            "name": f"promotions_{seen}",
            "workspace": str(tmp_path),
            "workers": 1,
            "data": {
                "source": {"kind": "simulated", "n_series": 40, "n_days": 400, "seed": 5},
                "freq": "1d",
                "season_length": 7,
                "covariates": covariates,
            },
            "task": {"horizon": 14},
            "forecasters": [
                {
                    "name": "gru",
                    "cell": "gru",
                    "topology": "encoder_decoder",
                    "context_length": 28,
                    "hidden_size": 24,
                    "training": {"max_steps": 250, "batch_size": 64},
                }
            ],
            "baselines": ["seasonal_naive", "theta"],
            "evaluation": {"n_windows": 2},
        }
        board = run(parse_config(config), "backtest").of(BacktestSummary).leaderboard
        scores[seen] = {row["model"]: row["mase"] for row in board}
    blind = min(scores[False]["gru"], scores[True]["seasonal_naive"], scores[True]["theta"])
    assert scores[True]["gru"] < 0.95 * blind
