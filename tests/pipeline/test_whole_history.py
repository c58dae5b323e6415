"""Networks are fitted again on the rows that inner cutoffs held back; what is chosen there is chosen by the first fit."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from mlflow import MlflowClient

from forecasting.config import Config, parse_config
from forecasting.forecasters.catalog import load_forecaster
from forecasting.forecasters.ensemble import EnsembleForecaster
from forecasting.forecasters.protocol import no_progress
from forecasting.forecasters.recurrent import training_index
from forecasting.pipeline import Run, open_run
from forecasting.pipeline.members import merged
from forecasting.series.as_of import as_of
from forecasting.stages import StageResult
from tests.conftest import tiny_config


def config_of(workspace: Path, whole_history: bool | None, **changes) -> Config:
    raw = tiny_config(workspace, tuning={"inner_windows": 1}, training={"whole_history": whole_history}, **changes)
    raw["forecasters"] = [raw["forecasters"][0] | {"n_seeds": 2}]
    raw["blends"] = [{"name": "mix", "members": ["gru_seq", "naive", "seasonal_naive"]}]
    return parse_config(raw)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Run]:
    """The same config, evaluated as it was first fitted, and on the whole history."""
    workspace = tmp_path_factory.mktemp("whole") / "workspace"
    done = []
    for whole in (False, True):
        with open_run(config_of(workspace, whole)) as run:
            run.backtest()
            done.append(run)
    return done[0], done[1]


def test_weights_and_scores_are_those_of_networks_that_saw_no_inner_target(runs):
    before, after = runs
    assert before.held_back["gru_seq"].key == before.trained["gru_seq"].key == after.held_back["gru_seq"].key
    assert after.trained["gru_seq"].key != after.held_back["gru_seq"].key
    assert after.done["train"]["inner_scores"] == before.done["train"]["inner_scores"]
    kept, moved = (load_forecaster(run.blended["mix"].folder / "state") for run in runs)
    assert [m.name for m in moved.members] == [m.name for m in kept.members] == ["gru_seq", "naive"]
    np.testing.assert_array_equal(moved.weights, kept.weights)


def test_a_blend_holds_the_networks_that_are_evaluated(runs):
    _, after = runs
    inside = after.blended["mix"].folder / "state" / "members" / "0"
    for name in ("members/0/network.safetensors", "members/1/network.safetensors"):
        evaluated, first = (of["gru_seq"].folder / "state" / name for of in (after.trained, after.held_back))
        assert (inside / name).read_bytes() == evaluated.read_bytes() != first.read_bytes()


def test_the_second_fit_takes_every_window_and_as_many_steps_as_were_best(runs):
    _, run = runs
    first, second = run.held_back["gru_seq"].summary, run.trained["gru_seq"].summary
    network = load_forecaster(run.trained["gru_seq"].folder / "state").members[0]
    whole = training_index(network.resolved, run.task, run.arrays, run.until, run.inner.take(slice(0)))
    assert second["notes"]["n_windows"] == len(whole) == first["notes"]["n_windows"] + 8 * 7
    assert [m["best_step"] for m in second["members"]] == [m["best_step"] for m in first["members"]]
    assert [m["resolved"] for m in second["members"]] == [m["resolved"] for m in first["members"]]
    assert (second["calibration"], second["inner_score"]) == (first["calibration"], first["inner_score"])
    assert second["fit_seconds"] == sum(second["seconds_of"].values()) > first["fit_seconds"]
    assert network.fitted_on["last_ds"] == str(run.arrays.ds.gather(run.until.row).max())


def test_both_fits_in_one_process_give_what_the_pipeline_evaluates(runs):
    _, run = runs
    recipe, arrays = run.recipes["gru_seq"], as_of(run.arrays, run.until)
    here = EnsembleForecaster.untrained(recipe.settings, run.task, recipe.seed, "cpu")
    here.fit(arrays, run.until, run.inner, no_progress)
    here.fit_again(arrays, run.until, no_progress)
    made, there = (
        f.forecast(arrays, run.until, no_progress)
        for f in (here, load_forecaster(run.trained["gru_seq"].folder / "state"))
    )
    np.testing.assert_array_equal(made.quantiles, there.quantiles)


def test_the_second_fit_is_checked_for_leaks_too(runs):
    for run, whole in zip(runs, (False, True), strict=True):
        told = json.loads((run.tested["gru_seq"].check.folder / "summary.json").read_text())
        assert told["inputs"]["recipe"]["whole_history"] is whole
        assert (told["summary"]["fit_checked"], told["summary"]["fit_moved"]) == (8, 0)
        assert run.tested["mix"].check.summary["moved"] == 0


def test_the_record_tells_of_both_fits(runs):
    _, run = runs
    client = MlflowClient(f"sqlite:///{run.config.workspace / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("tiny")
    children = client.search_runs([experiment.experiment_id], "params.whole_history = 'true'")
    (child,) = [c for c in children if c.data.tags["mlflow.parentRunId"] == run.recording.mlflow_run_id]
    metrics = child.data.metrics
    both = metrics["fit_seconds.held_back"] + metrics["fit_seconds.whole_history"]
    assert metrics["fit_seconds"] == pytest.approx(both)
    assert "a second fit on the whole history" in child.data.tags["mlflow.note.content"]
    assert len(client.get_metric_history(child.info.run_id, "valid_loss")) == 2  # the first fit's


def test_a_run_that_is_started_again_finds_both_fits(runs):
    _, before = runs
    with open_run(before.config) as run:
        run.train()
        assert run.done["train"]["reused"]
    assert run.trained["gru_seq"].summary == before.trained["gru_seq"].summary


@pytest.mark.parametrize(("n_days", "expected"), [(120, True), (400, False)])
def test_by_default_short_histories_are_fitted_again_and_long_ones_are_not(workspace, n_days, expected):
    config = config_of(workspace, None)
    source = replace(config.data.source, n_days=n_days)  # 7 values are held back
    config = config.model_copy(update={"data": config.data.model_copy(update={"source": source})})
    with open_run(config) as run:
        run.ingest()
        assert run.whole_history is expected


def test_a_second_fit_that_fails_leaves_the_first(tmp_path: Path):
    first = StageResult("ensemble", "one", tmp_path, {"fit_seconds": 1.0}, False, 1.0)
    second = StageResult("ensemble", "two", tmp_path, {"failed": "diverged: nan", "history": []}, False, 1.0)
    assert merged(first, second, "net") is first
