import json
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
from mlflow import MlflowClient
from polars.testing import assert_frame_equal

from forecasting.config import parse_config
from forecasting.errors import InputError, LimitError, LockedError
from forecasting.schema import (
    CUTOFF,
    DS,
    UNIQUE_ID,
    ForecastTable,
    MonitorSummary,
    PredictSummary,
    PromoteSummary,
    RunSummary,
    check,
)
from forecasting.series.table.store import digest_of
from forecasting.stages.lock import locked
from forecasting.stages.plan import plan_of
from forecasting.stages.run import run
from tests.conftest import tiny_config


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, RunSummary]:
    workspace = tmp_path_factory.mktemp("pipeline") / "workspace"
    return workspace, run(parse_config(tiny_config(workspace)))


def published(workspace: Path) -> pl.DataFrame:
    return pl.read_delta(str(workspace / "tiny" / "forecasts"))


def test_every_series_is_forecast_over_the_whole_horizon_with_ordered_quantiles(finished):
    rows = check(ForecastTable, published(finished[0]), [UNIQUE_ID, CUTOFF, DS])
    assert rows.height == 8 * 7
    assert rows.group_by(UNIQUE_ID).agg(pl.col("step").sort()).get_column("step").to_list() == [list(range(1, 8))] * 8
    assert rows.filter((pl.col("q10") > pl.col("q50")) | (pl.col("q50") > pl.col("q90"))).is_empty()


def test_every_model_is_scored_on_identical_series_and_cutoffs(finished):
    scores = pl.read_delta(str(finished[0] / "tiny" / "scores")).filter(pl.col("metric") == "mase")
    pairs = {m: set(g.select(UNIQUE_ID, CUTOFF).iter_rows()) for (m,), g in scores.group_by("model")}
    assert set(pairs) == {"gru_seq", "rnn_m2m", "naive", "seasonal_naive"}
    assert len({frozenset(p) for p in pairs.values()}) == 1
    assert len(pairs["naive"]) == 8 * 2


def test_a_first_run_says_of_no_stage_that_it_is_reused(finished):
    assert finished[1].reused == []
    assert [name for name, summary in finished[1].stages.items() if summary.reused] == []


def test_a_second_run_reuses_every_stage_and_publishes_no_duplicate(finished):
    workspace, first = finished
    before = published(workspace)
    again = run(parse_config(tiny_config(workspace)))
    assert {"ingest", "window", "tune", "train", "backtest", "promote", "predict"} <= set(again.reused)
    assert again.run_id == first.run_id
    assert again.mlflow_run_id == first.mlflow_run_id
    assert published(workspace).equals(before)


@pytest.mark.parametrize("damage", [b"", b'["workspace tu', b"7", b"\xff"])
def test_a_damaged_note_of_what_was_recorded_is_made_again_and_doubles_no_child(finished, damage):
    workspace, first = finished
    client = MlflowClient(f"sqlite:///{workspace / 'mlflow.db'}")
    experiment = client.get_run(first.mlflow_run_id).info.experiment_id
    before = {run.info.run_id for run in client.search_runs([experiment])}
    (marks,) = (workspace / "tiny").rglob("recorded.json")
    marks.write_bytes(damage)
    run(parse_config(tiny_config(workspace)))
    assert {run.info.run_id for run in client.search_runs([experiment])} == before
    assert json.loads(marks.read_text())


def weights(workspace: Path) -> dict[str, bytes]:
    files = (workspace / "tiny" / "results" / "train").rglob("network.safetensors")
    return {path.parent.parent.name: path.read_bytes() for path in files}


def test_the_same_seed_in_another_workspace_gives_equal_digests_and_weights(finished, tmp_path):
    workspace, first = finished
    other = run(parse_config(tiny_config(tmp_path / "elsewhere")))
    for stage, key in (
        ("backtest", "digest"),
        ("backtest", "leaderboard_digest"),
        ("predict", "digest"),
        ("promote", "digest"),
    ):
        assert getattr(other.stages[stage], key) == getattr(first.stages[stage], key)
    assert len(weights(workspace)) >= 2  # a final fit makes one more
    assert weights(tmp_path / "elsewhere") == weights(workspace)


def test_a_forecast_by_the_evaluated_version_at_a_cutoff_equals_the_backtest_there(finished, tmp_path):
    workspace, _ = finished
    backtest = pl.read_delta(str(workspace / "tiny" / "backtest"))
    cutoff = backtest[CUTOFF].min()
    out = tmp_path / "evaluated.parquet"
    options = {"forecaster": "all", "origin": str(cutoff), "output": out}
    run(parse_config(tiny_config(workspace)), "predict", options)
    key, numbers = ["model", UNIQUE_ID, CUTOFF, DS], ["y_hat", "q10", "q50", "q90"]
    there = backtest.filter(pl.col(CUTOFF) == cutoff).select(key + numbers).sort(key)
    # Kernels round by a row's place in the batch, and the backtest has other rows beside it: float32's last bits may differ.
    assert_frame_equal(pl.read_parquet(out).select(key + numbers).sort(key), there, rel_tol=1e-6, abs_tol=0)


def test_publishing_another_cutoff_leaves_the_newest_one_alone(finished):
    workspace, _ = finished
    newest = published(workspace)
    earlier = pl.read_delta(str(workspace / "tiny" / "backtest"))[CUTOFF].min()
    run(parse_config(tiny_config(workspace)), "predict", {"origin": str(earlier)})
    both = published(workspace)
    assert both.height == 2 * newest.height
    assert digest_of(both.filter(pl.col(CUTOFF) != earlier)) == digest_of(newest)


def test_monitoring_scores_what_has_arrived(finished):
    workspace, _ = finished
    earlier = pl.read_delta(str(workspace / "tiny" / "backtest"))[CUTOFF].min()
    config = parse_config(tiny_config(workspace))
    run(config, "predict", {"origin": str(earlier)})
    summary = run(config, "monitor").of(MonitorSummary)
    assert (summary.n_scored, summary.n_waiting) == (8, 8)
    realised = pl.read_delta(str(workspace / "tiny" / "realised"))
    assert set(realised["model"]) == {"served", "seasonal_naive"}


def test_another_run_that_holds_the_lock_is_named(workspace):
    config = parse_config(tiny_config(workspace))
    with locked(plan_of(config)), pytest.raises(LockedError, match="another one holds its lock"):
        run(config, "ingest")


def test_a_horizon_longer_than_any_history_writes_nothing(workspace):
    config = parse_config(tiny_config(workspace, task={"horizon": 500}))
    with pytest.raises(InputError, match="horizon must be shorter than the longest history, got 500"):
        run(config)
    assert not workspace.exists()


def test_too_many_quarantined_series_publish_nothing(workspace, tmp_path):
    rows = pl.DataFrame(
        {"unique_id": ["a"] * 9 + ["b"] * 9, "ds": [*range(9)] * 2, "y": [*map(float, range(9)), *[None] * 9]}
    )
    rows.write_csv(tmp_path / "half.csv")
    data = {"source": {"kind": "csv", "path": str(tmp_path / "half.csv")}, "freq": 1, "season_length": 1}
    config = parse_config(tiny_config(workspace, data=data, task={"horizon": 2}, forecasters=[], tuning={}))
    with pytest.raises(LimitError, match="at most 10% of the series, and never all, may be quarantined, got 1 of 2"):
        run(config)
    assert not (workspace / "tiny" / "series").exists()


def test_an_unknown_stage_is_refused_with_the_known_ones(workspace):
    with pytest.raises(InputError, match="ingest"):
        run(parse_config(tiny_config(workspace)), "digest")


def test_stage_results_are_small_enough_to_pass_between_tasks(finished):
    assert all(len(stage.model_dump_json()) < 10_000 for stage in finished[1].stages.values())


def test_with_mlflow_down_the_run_goes_on_and_the_record_follows_later(workspace):
    raw = tiny_config(workspace, tracking={"uri": "http://127.0.0.1:9"})
    down = run(parse_config(raw))
    assert down.mlflow_run_id is None
    assert published(workspace).height == 8 * 7
    later = run(parse_config(tiny_config(workspace)))
    assert {"tune", "train", "backtest"} <= set(later.reused)
    record = MlflowClient(f"sqlite:///{workspace / 'mlflow.db'}").get_run(later.mlflow_run_id)
    assert record.info.status == "FINISHED"
    assert later.of(PromoteSummary).version == "1"


PROMOTE_THE_NETWORK = {"against": "naive", "min_evidence": 10}  # which any network beats on weekly data


def test_a_promoted_network_is_fitted_on_all_rows_and_loads_from_mlflow_in_a_fresh_process(workspace, tmp_path):
    config = parse_config(tiny_config(workspace, promotion=PROMOTE_THE_NETWORK))
    promoted = run(config).of(PromoteSummary)
    assert promoted.model in ("gru_seq", "rnn_m2m")
    state = json.loads((Path(promoted.folder) / "forecaster.json").read_text())
    series = pl.read_delta(str(workspace / "tiny" / "series"))
    assert state["fitted_on"]["last_ds"] == str(series.filter(pl.col("y").is_not_null())["ds"].max())
    series.write_parquet(tmp_path / "history.parquet")
    code = f"""
import mlflow, pandas as pd
mlflow.set_tracking_uri("sqlite:///{workspace / "mlflow.db"}")
model = mlflow.pyfunc.load_model("models:/tiny@champion")
model.predict(pd.read_parquet("{tmp_path / "history.parquet"}")).to_parquet("{tmp_path / "served.parquet"}")
"""
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
    key, numbers = [UNIQUE_ID, "step"], ["y_hat", "q10", "q50", "q90"]
    served = pl.read_parquet(tmp_path / "served.parquet").select(key + numbers).sort(key)
    assert_frame_equal(served, published(workspace).select(key + numbers).sort(key), rel_tol=1e-6)


def test_the_record_holds_parent_children_seed_data_and_the_champion(finished):
    workspace, summary = finished
    client = MlflowClient(f"sqlite:///{workspace / 'mlflow.db'}")
    parent = client.get_run(summary.mlflow_run_id)
    assert parent.info.status == "FINISHED"
    assert parent.data.params["seed"] == "7"
    assert parent.data.tags["forecasting.data_digest"] == summary.stages["ingest"].digest
    condition = f"tags.`mlflow.parentRunId` = '{parent.info.run_id}'"
    children = client.search_runs([parent.info.experiment_id], condition)
    assert {child.info.status for child in children} == {"FINISHED"}
    kinds = sorted(child.data.tags["forecasting.kind"] for child in children)
    assert kinds == ["baseline", "baseline", "recurrent", "recurrent", "trial", "trial"]
    network = next(child for child in children if child.info.run_name == "gru_seq")
    history = client.get_metric_history(network.info.run_id, "train_loss")
    assert [point.step for point in history] == sorted({point.step for point in history})
    assert all("mase" in child.data.metrics for child in children if child.data.tags["forecasting.kind"] != "trial")
    champion = client.get_model_version_by_alias("tiny", "champion")
    assert str(champion.version) == str(summary.of(PromoteSummary).version)


def test_no_artifact_of_a_registered_model_can_run_code(finished):
    files = [path for path in (finished[0] / "artifacts").rglob("*") if path.is_file()]
    assert any(path.name == "MLmodel" for path in files)
    assert not [path for path in files if path.suffix in (".pkl", ".pickle", ".pt", ".pth", ".py", ".joblib")]


def test_sample_paths_are_written_to_a_file_and_nothing_is_published(tmp_path):
    config = tiny_config(tmp_path / "workspace", forecasters=[], tuning={})
    training = {"max_steps": 6, "batch_size": 16}
    network = {"topology": "many_to_many", "strategy": "recursive", "hidden_size": 8, "context_length": 14}
    config["forecasters"] = [{"name": "walks", "n_paths": 10, "training": training, **network}]
    out = tmp_path / "paths.parquet"
    options = {"forecaster": "walks", "paths": 5, "output": out}
    summary = run(parse_config(config), "predict", options).of(PredictSummary)
    rows = pl.read_parquet(out)
    assert rows.columns == [UNIQUE_ID, CUTOFF, DS, "path", "y", "model"]
    assert rows.height == summary.n_rows == 8 * 5 * 7
    assert rows["y"].is_finite().all()
    assert not (tmp_path / "workspace" / "tiny" / "forecasts").exists()
    with pytest.raises(InputError, match="add --output FILE"):
        run(parse_config(config), "predict", {"forecaster": "walks", "paths": 5})
    with pytest.raises(InputError, match="need a network that can draw, got naive"):
        run(parse_config(config), "predict", options | {"forecaster": "naive"})


def test_what_a_network_cannot_do_with_the_data_is_refused_before_the_first_fit(workspace, tmp_path):
    rows = [(name, day, day % 7 + 0.5) for name in "ab" for day in range(80)]
    pl.DataFrame(rows, schema=["unique_id", "ds", "y"], orient="row").write_csv(tmp_path / "halves.csv")
    data = {"source": {"kind": "csv", "path": str(tmp_path / "halves.csv")}, "freq": 1, "season_length": 7}
    network = {"hidden_size": 4, "context_length": 7, "training": {"max_steps": 2}}
    counts = {"head": "negative_binomial", "scaling": "mean_abs", "residual": "none"}
    networks = [{"name": "fine", **network}, {"name": "counting", **network, **counts}]
    config = parse_config(tiny_config(workspace, data=data, forecasters=networks, tuning={}))
    with pytest.raises(InputError, match=r"head negative_binomial needs counts, got y 0\.5"):
        run(config)
    assert not (workspace / "tiny" / "results" / "train").exists()
