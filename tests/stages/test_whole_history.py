"""Networks are fitted again on the rows that inner cutoffs held back; what is chosen there is chosen by the first fit."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from mlflow import MlflowClient

from forecasting.config import Config, parse_config
from forecasting.forecasters.protocol import no_progress
from forecasting.forecasters.recurrent.ensemble import EnsembleForecaster
from forecasting.forecasters.recurrent.forecaster import training_index
from forecasting.forecasters.saved import load_forecaster
from forecasting.results import Result
from forecasting.schema import EnsembleOutcome, RunSummary
from forecasting.series.arrays.as_of import as_of
from forecasting.stages.backtest import Compared
from forecasting.stages.fits import merged
from forecasting.stages.ingest import ingest
from forecasting.stages.plan import plan_of
from forecasting.stages.run import run
from forecasting.stages.window import window
from tests.conftest import tiny_config
from tests.stages.chain import Fitted, fitted


@dataclass(frozen=True, kw_only=True)
class Done:
    """A run up to its backtest, and its values."""

    summary: RunSummary
    fitted: Fitted
    compared: Compared


def config_of(workspace: Path, whole_history: bool | None, **changes) -> Config:
    raw = tiny_config(workspace, tuning={"inner_windows": 1}, training={"whole_history": whole_history}, **changes)
    raw["forecasters"] = [raw["forecasters"][0] | {"n_seeds": 2}]
    raw["blends"] = [{"name": "mix", "members": ["gru_seq", "naive", "seasonal_naive"]}]
    return parse_config(raw)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Done, Done]:
    """The same config, evaluated as it was first fitted, and on the whole history."""
    workspace = tmp_path_factory.mktemp("whole") / "workspace"
    done = []
    for whole in (False, True):
        config = config_of(workspace, whole)
        summary = run(config, "backtest")
        found = fitted(config)
        done.append(Done(summary=summary, fitted=found, compared=found.backtest()))
    return done[0], done[1]


def test_weights_and_scores_are_those_of_networks_that_saw_no_inner_target(runs):
    before, after = (done.fitted.trained for done in runs)
    assert before.held_back["gru_seq"].key == before.evaluated["gru_seq"].key == after.held_back["gru_seq"].key
    assert after.evaluated["gru_seq"].key != after.held_back["gru_seq"].key
    assert after.summary.inner_scores == before.summary.inner_scores
    kept, moved = (load_forecaster(of.blends["mix"].folder / "state") for of in (before, after))
    assert [m.name for m in moved.members] == [m.name for m in kept.members] == ["gru_seq", "seasonal_naive"]
    np.testing.assert_array_equal(moved.weights, kept.weights)


def test_a_blend_holds_the_networks_that_are_evaluated(runs):
    trained = runs[1].fitted.trained
    inside = trained.blends["mix"].folder / "state" / "members" / "0"
    for name in ("members/0/network.safetensors", "members/1/network.safetensors"):
        evaluated, first = (of["gru_seq"].folder / "state" / name for of in (trained.evaluated, trained.held_back))
        assert (inside / name).read_bytes() == evaluated.read_bytes() != first.read_bytes()


def test_the_second_fit_takes_every_window_and_as_many_steps_as_were_best(runs):
    done = runs[1].fitted
    trained, windowed = done.trained, done.windowed
    first, second = trained.held_back["gru_seq"].outcome, trained.evaluated["gru_seq"].outcome
    network = load_forecaster(trained.evaluated["gru_seq"].folder / "state").members[0]
    whole = training_index(
        network.resolved, done.plan.task, windowed.arrays, windowed.until, windowed.inner.take(slice(0))
    )
    assert second.notes["n_windows"] == len(whole) == first.notes["n_windows"] + 8 * 7
    assert [m.best_step for m in second.members] == [m.best_step for m in first.members]
    assert [m.resolved for m in second.members] == [m.resolved for m in first.members]
    assert (second.calibration, second.inner_score) == (first.calibration, first.inner_score)
    assert second.fit_seconds == sum(second.seconds_of.values()) > first.fit_seconds
    assert network.fitted_on["last_ds"] == str(windowed.arrays.ds.gather(windowed.until.row).max())


def test_both_fits_in_one_process_give_what_the_pipeline_evaluates(runs):
    done = runs[1].fitted
    recipe, windowed = done.trained.recipes["gru_seq"], done.windowed
    arrays = as_of(windowed.arrays, windowed.until)
    here = EnsembleForecaster.untrained(recipe.settings, done.plan.task, recipe.seed, "cpu")
    here.fit(arrays, windowed.until, windowed.inner, no_progress)
    here.fit_again(arrays, windowed.until, no_progress)
    made, there = (
        f.forecast(arrays, windowed.until, no_progress)
        for f in (here, load_forecaster(done.trained.evaluated["gru_seq"].folder / "state"))
    )
    np.testing.assert_array_equal(made.quantiles, there.quantiles)


def test_the_second_fit_is_checked_for_leaks_too(runs):
    for done, whole in zip(runs, (False, True), strict=True):
        tested = done.compared.tested
        assert tested["gru_seq"].model.recipe.whole_history is whole
        outcome = tested["gru_seq"].check.outcome
        assert (outcome.fit_checked, outcome.fit_moved) == (8, 0)
        assert tested["mix"].check.outcome.moved == 0


def test_the_record_tells_of_both_fits(runs):
    done = runs[1]
    client = MlflowClient(f"sqlite:///{done.fitted.plan.config.workspace / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("tiny")
    children = client.search_runs([experiment.experiment_id], "params.whole_history = 'true'")
    (child,) = [c for c in children if c.data.tags["mlflow.parentRunId"] == done.summary.mlflow_run_id]
    metrics = child.data.metrics
    both = metrics["fit_seconds.held_back"] + metrics["fit_seconds.whole_history"]
    assert metrics["fit_seconds"] == pytest.approx(both)
    assert "a second fit on the whole history" in child.data.tags["mlflow.note.content"]
    assert len(client.get_metric_history(child.info.run_id, "valid_loss")) == 2  # the first fit's


def test_a_run_that_is_started_again_finds_both_fits(runs):
    before = runs[1].fitted
    again = fitted(before.plan.config).trained
    assert again.summary.reused
    assert again.evaluated["gru_seq"].outcome == before.trained.evaluated["gru_seq"].outcome


@pytest.mark.parametrize(("n_days", "expected"), [(55, True), (400, False)])
def test_by_default_short_histories_are_fitted_again_and_long_ones_are_not(workspace, n_days, expected):
    config = config_of(workspace, None)
    source = replace(config.data.source, n_days=n_days)  # 7 values are held back
    plan = plan_of(config.model_copy(update={"data": config.data.model_copy(update={"source": source})}))
    assert window(plan, ingest(plan)).whole_history is expected


def test_a_second_fit_that_fails_leaves_the_first(tmp_path: Path):
    outcomes = EnsembleOutcome(fit_seconds=1.0), EnsembleOutcome(failed="diverged: nan")
    first, second = (Result(key="k", folder=tmp_path, outcome=o, reused=False, seconds=1.0) for o in outcomes)
    assert merged(first, second, "net") is first
