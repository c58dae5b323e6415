import polars as pl

from forecasting.evaluation.metrics import METRICS
from forecasting.figures.leaderboard import leaderboard_bars
from forecasting.figures.theme import BASELINE, NETWORK

BOARD = pl.DataFrame(
    {
        "model": ["gru", "naive", "ets", "lstm"],
        "kind": ["recurrent", "baseline", "baseline", "recurrent"],
        "mase": [0.8, 1.5, 0.9, None],
        "coverage": [0.7, 0.9, 0.8, 0.1],
    }
)


def test_bars_are_sorted_with_the_best_on_top_and_missing_values_last() -> None:
    figure = leaderboard_bars(BOARD, "mase", METRICS["mase"].label, champion="gru")
    assert list(reversed(figure.layout.yaxis.categoryarray)) == ["<b>★ gru</b>", "ets", "naive", "lstm"]


def test_networks_and_baselines_have_their_own_colour_and_number() -> None:
    network, baseline = leaderboard_bars(BOARD, "mase", METRICS["mase"].label).data
    assert (network.name, network.marker.color, list(network.y), list(network.text)) == (
        "network",
        NETWORK,
        ["gru", "lstm"],
        ["0.800", "–"],
    )
    assert (baseline.name, baseline.marker.color, list(baseline.x)) == ("baseline", BASELINE, [0.9, 1.5])


def test_a_dotted_line_stands_at_the_best_baseline() -> None:
    figure = leaderboard_bars(BOARD, "mase", METRICS["mase"].label)
    assert [shape.x0 for shape in figure.layout.shapes] == [0.9]
    assert "dotted: best baseline" in figure.layout.title.text


def test_a_metric_with_a_target_keeps_the_leaderboards_order_and_has_no_line() -> None:
    figure = leaderboard_bars(BOARD, "coverage", METRICS["coverage"].label)
    assert list(reversed(figure.layout.yaxis.categoryarray)) == ["gru", "naive", "ets", "lstm"]
    assert not figure.layout.shapes
