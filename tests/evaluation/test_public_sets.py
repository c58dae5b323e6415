"""Our metrics against the definitions of each public set's literature, on the backtest that a command writes.

Needs FORECASTING_DATA: a folder with SET.parquet and SET_test.parquet (and score.py beside it); else they are skipped.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from forecasting.config import parse_config
from forecasting.schema import BacktestSummary
from forecasting.stages.run import run

DATA = Path(os.environ.get("FORECASTING_DATA", "not set"))
HOLD_OUT = {  # season, horizon
    "m4_hourly": (24, 48),
    "tourism_monthly": (12, 24),
    "tourism_quarterly": (4, 8),
    "nn5_daily": (7, 56),
    "cif2016": (12, 12),
}
ROLLING = {  # season, horizon, step, where training ends, what the series are standardised by
    "etth1": (24, 96, 1, "2017-10-23 23:00:00", "2017-06-25 23:00:00"),
    "epf_np": (24, 24, 24, "2016-12-26 23:00:00", None),
}
needs_data = pytest.mark.skipif(
    not (DATA / "m4_hourly.parquet").exists(), reason="FORECASTING_DATA names no folder with the public sets"
)


def config(name: str, workspace: Path, evaluation: dict, season: int, horizon: int, freq: int | str) -> dict:
    """Seasonal naive on one set, its training and test part in one."""
    return {
        "name": name,
        "workspace": str(workspace),
        "workers": 2,
        "data": {
            "source": {"kind": "parquet", "path": str(workspace / f"{name}.parquet")},
            "freq": freq,
            "season_length": season,
            "quality": {"max_gap": None, "max_quarantined": 0.0},
        },
        "task": {"horizon": horizon},
        "forecasters": [],
        "baselines": ["seasonal_naive"],
        "evaluation": evaluation,
    }


def whole(name: str, workspace: Path) -> pl.DataFrame:
    """Training and test part as one file; returns the training part."""
    columns = ["unique_id", "ds", "y"]
    train, test = (pl.read_parquet(DATA / f"{name}{part}.parquet", columns=columns) for part in ("", "_test"))
    workspace.mkdir(parents=True, exist_ok=True)
    pl.concat([train, test]).write_parquet(workspace / f"{name}.parquet")
    return train


def official(name: str, forecasts: Path) -> dict[str, float]:
    run = subprocess.run(
        [sys.executable, str(DATA.parent / "score.py"), name, str(forecasts)],
        capture_output=True,
        text=True,
    )
    return json.loads(run.stdout)["scores"]


@needs_data
@pytest.mark.parametrize("name", HOLD_OUT)
def test_scores_of_a_hold_out_agree_with_the_official_ones(name, tmp_path) -> None:
    season, horizon = HOLD_OUT[name]
    train = whole(name, tmp_path)
    ends = train.group_by("unique_id").agg(cutoff=pl.col("ds").max())
    ends.write_parquet(tmp_path / "cutoffs.parquet")
    evaluation = {"cutoffs": str(tmp_path / "cutoffs.parquet"), "metrics": ["smape", "mase", "mape"]}
    freq = 1 if ends["cutoff"].dtype.is_integer() else "1d"
    settings = parse_config(config(name, tmp_path, evaluation, season, horizon, freq))
    summary = run(settings, "backtest", {"output": tmp_path / "out.parquet"}).of(BacktestSummary)
    scores = official(name, tmp_path / "out.parquet")
    ours = summary.leaderboard[0]
    assert ours["smape"] == pytest.approx(scores["smape"], abs=1e-6)
    assert ours["mase"] == pytest.approx(scores["mase"], abs=1e-6)
    if ours["mape"] is not None and "mape" in scores and name != "nn5_daily":  # it drops single zeros, we the origin
        assert ours["mape"] == pytest.approx(scores["mape"], abs=1e-6)


@needs_data
@pytest.mark.slow
@pytest.mark.parametrize("name", ROLLING)
def test_scores_of_a_rolling_set_agree_with_the_official_ones(name, tmp_path) -> None:
    season, horizon, step, until, standard = ROLLING[name]
    whole(name, tmp_path)
    evaluation = {"train_until": until, "step_size": step, "metrics": ["mae", "standardised_mae", "standardised_mse"]}
    raw = config(name, tmp_path, evaluation | {"standardise_until": standard}, season, horizon, "1h")
    raw["evaluation"]["primary_metric"] = "mae"
    summary = run(parse_config(raw), "backtest", {"output": tmp_path / "out.parquet"}).of(BacktestSummary)
    scores = official(name, tmp_path / "out.parquet")
    ours = summary.leaderboard[0]
    if name == "etth1":
        assert ours["standardised_mse"] == pytest.approx(scores["mse"], abs=1e-6)
    assert ours["mae" if name == "epf_np" else "standardised_mae"] == pytest.approx(scores["mae"], abs=1e-6)
    assert summary.cutoffs == {"etth1": 2785, "epf_np": 728}[name]
