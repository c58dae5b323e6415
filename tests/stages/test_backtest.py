"""The backtest stage as a user sees it: resumable, the same in parts, refitted, written out."""

import itertools
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from forecasting.config import parse_config
from forecasting.errors import InputError
from forecasting.schema import BacktestSummary
from forecasting.series.arrays.series_arrays import Origins
from forecasting.stages.jobs import backtest as backtest_jobs
from forecasting.stages.jobs.backtest import chunks_of
from forecasting.stages.run import run
from tests.conftest import tiny_config

KEY = ["model", "unique_id", "cutoff", "ds"]


def config(workspace: Path, **evaluation):
    """Baselines alone, and no tuning."""
    raw = tiny_config(workspace, forecasters=[], tuning={}, baselines=["naive", "seasonal_naive", "theta"])
    return parse_config(raw | {"evaluation": {"n_windows": 2, "step_size": 7} | evaluation})


def backtest(config, output: Path | None = None) -> BacktestSummary:
    return run(config, "backtest", {"output": output} if output else {}).of(BacktestSummary)


def made(workspace: Path) -> set[str]:
    return {path.parent.name for path in (workspace / "tiny" / "results" / "backtest").glob("*/backtest.parquet")}


def test_a_further_cutoff_forecasts_only_itself(workspace) -> None:
    backtest(config(workspace))
    before = made(workspace)
    summary = backtest(config(workspace, n_windows=3))
    assert len(before) == 3 * 2
    assert before < made(workspace)
    assert len(made(workspace) - before) == 3
    assert summary.cutoffs == 3


def test_what_a_killed_run_has_finished_is_not_forecast_again(workspace, monkeypatch) -> None:
    real, calls = backtest_jobs.backtest, []

    def dies_at_the_third(*args, **named):
        calls.append(args)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return real(*args, **named)

    monkeypatch.setattr(backtest_jobs, "backtest", dies_at_the_third)
    with pytest.raises(KeyboardInterrupt):
        backtest(config(workspace))
    assert len(made(workspace)) == 2
    backtest(config(workspace))
    assert len(calls) == 3 + 4


def test_the_output_holds_every_forecast_of_every_model_once(workspace, tmp_path) -> None:
    summary = backtest(config(workspace), tmp_path / "out" / "forecasts.parquet")
    rows = pl.read_parquet(tmp_path / "out" / "forecasts.parquet")
    assert rows.height == summary.rows == 3 * 8 * 2 * 7
    assert not rows.select(KEY).is_duplicated().any()
    table = pl.read_delta(str(workspace / "tiny" / "backtest"))
    assert_frame_equal(rows.select(table.columns).sort(KEY), table.sort(KEY))


def test_cutoffs_in_parts_give_the_forecasts_and_scores_of_one_piece(workspace, tmp_path, monkeypatch) -> None:
    whole = backtest(config(workspace, n_windows=6, step_size=3))
    monkeypatch.setattr(backtest_jobs, "MOST_CHUNKS", 2)
    monkeypatch.setattr(backtest_jobs, "MOST_ROWS", 7 * 20)
    parts = backtest(config(tmp_path / "parts", n_windows=6, step_size=3))
    boards = [s.leaderboard_digest for s in (whole, parts)]
    assert boards[0] == boards[1]


@pytest.mark.parametrize(("most_chunks", "sizes"), [(64, [2] * 5), (2, [6, 4])])
def test_chunks_hold_whole_cutoffs_in_time_order(most_chunks, sizes, monkeypatch) -> None:
    monkeypatch.setattr(backtest_jobs, "MOST_CHUNKS", most_chunks)
    origins = Origins(np.repeat([0, 1], 5), np.arange(10), np.tile(np.arange(5), 2))
    chunks = list(chunks_of(origins, horizon=7))
    assert [len(chunk) for chunk in chunks] == sizes
    assert sorted(np.concatenate([chunk.row for chunk in chunks]).tolist()) == list(range(10))
    windows = [chunk.window for chunk in chunks]
    assert all(a.max() < b.min() for a, b in itertools.pairwise(windows))


def test_a_cutoff_too_large_for_a_chunk_is_cut_by_series(monkeypatch) -> None:
    monkeypatch.setattr(backtest_jobs, "MOST_ROWS", 10)
    origins = Origins(np.arange(7), np.arange(7), np.zeros(7, dtype=np.int64))
    assert [len(chunk) for chunk in chunks_of(origins, horizon=5)] == [2, 2, 2, 1]


@pytest.mark.parametrize(("whole_history", "n_fits"), [(False, 2), (True, 4)])
def test_refit_every_second_cutoff_trains_again_there_and_only_there(workspace, whole_history, n_fits) -> None:
    training = {"whole_history": whole_history}
    raw = tiny_config(workspace, tuning={}, baselines=["naive"], training=training)
    raw["forecasters"] = raw["forecasters"][:1]
    plain = raw | {"evaluation": {"n_windows": 4, "step_size": 7}}
    fixed, again = (workspace.parent / name for name in ("fixed.parquet", "again.parquet"))
    backtest(parse_config(plain), fixed)
    plain["evaluation"]["refit"] = 2
    backtest(parse_config(plain), again)
    assert len(list((workspace / "tiny" / "results" / "train").glob("*/result.json"))) == n_fits
    rows = [pl.read_parquet(path).filter(pl.col("model") == "gru_seq").sort(KEY) for path in (fixed, again)]
    same = (
        rows[0].select("cutoff", same=rows[0]["y_hat"] == rows[1]["y_hat"]).group_by("cutoff").agg(pl.col("same").all())
    )
    assert same.sort("cutoff")["same"].to_list() == [True, True, False, False]


def test_every_table_has_the_rows_of_every_model(workspace) -> None:
    backtest(config(workspace, metrics=["mase", "smape", "pinball", "coverage"]))
    tables = {name: pl.read_delta(str(workspace / "tiny" / name)) for name in ("scores", "step_scores", "slices")}
    assert all(set(table["model"]) == {"naive", "seasonal_naive", "theta"} for table in tables.values())
    assert {"pinball_q10", "coverage_80"} <= set(tables["scores"]["metric"])
    assert {"all", "cutoff", "history_length", "weekday", "store_type"} <= set(tables["slices"]["slice"])


def test_a_backtest_needs_no_covariates_beyond_the_data(workspace) -> None:
    raw = tiny_config(workspace, forecasters=[], tuning={})
    raw["data"]["source"]["horizon_rows"] = 0
    assert backtest(parse_config(raw)).cutoffs == 2
    with pytest.raises(InputError, match="must be known over the horizon"):
        run(parse_config(raw), "train")
