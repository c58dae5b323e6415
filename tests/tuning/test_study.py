from dataclasses import replace
from pathlib import Path

import optuna
import pytest

from forecasting.config import parse_config
from forecasting.schema import StudyOutcome
from forecasting.stages.ingest import ingest
from forecasting.stages.plan import plan_of
from forecasting.stages.tune import study_jobs
from forecasting.stages.window import window
from forecasting.tuning.space import Distribution
from forecasting.tuning.study import StudyJob, create_storage, run_study
from tests.conftest import tiny_config


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> StudyJob:
    plan = plan_of(parse_config(tiny_config(tmp_path_factory.mktemp("study") / "workspace")))
    data = ingest(plan)
    (job,) = study_jobs(plan, data, window(plan, data))
    create_storage(job.storage)
    return replace(job, n_trials=6)


def values(outcome: StudyOutcome) -> list[dict]:
    return [trial.values for trial in outcome.trials]


def nothing(done: int, total: int, text: str) -> None:
    pass


def test_a_study_resumed_after_a_stop_draws_what_an_uninterrupted_one_draws(job):
    whole = run_study(job, "whole", nothing)
    run_study(replace(job, n_trials=2), "parts", nothing)
    parts = run_study(job, "parts", nothing)
    assert values(whole) == values(parts)
    assert whole.best_score == parts.best_score


def test_a_trial_that_a_kill_left_running_is_taken_up_with_its_values(job):
    whole = run_study(replace(job, n_trials=3), "unbroken", nothing)
    run_study(replace(job, n_trials=1), "broken", nothing)
    study = optuna.load_study(study_name="broken", storage=job.storage)
    study.sampler = optuna.samplers.TPESampler(seed=job.seed + 1, n_startup_trials=5)
    study.ask({"hidden_size": optuna.distributions.IntDistribution(4, 8)})  # and never told: the process died here
    broken = run_study(replace(job, n_trials=3), "broken", nothing)
    assert values(broken) == values(whole)
    assert not [t for t in study.get_trials() if t.state == optuna.trial.TrialState.RUNNING]


def test_the_outcome_is_plain_json_with_a_score_for_every_complete_trial(job):
    outcome = run_study(replace(job, n_trials=2), "json", nothing)
    assert StudyOutcome.model_validate_json(outcome.model_dump_json()) == outcome
    complete = [t for t in outcome.trials if t.state == "COMPLETE"]
    assert outcome.best_score == min(t.value for t in complete)
    assert all(t.intermediate for t in outcome.trials)


def test_trials_see_no_value_after_the_first_evaluation_cutoff(job, tmp_path):
    """The same series with noise after the cutoff give the same trials."""
    import numpy as np
    import polars as pl

    from forecasting.series.arrays.dataset import Dataset
    from forecasting.series.table.store import SeriesStore

    frame = job.dataset.frame()
    arrays = job.dataset.arrays()
    cutoff = arrays.ds.gather(job.until.row).max()
    noise = pl.Series(np.random.default_rng(1).uniform(0, 1000, frame.height))
    late = pl.col("ds") > cutoff
    noisy = frame.with_columns(y=pl.when(late & pl.col("y").is_not_null()).then(noise).otherwise("y"))
    assert not noisy.equals(frame)
    version = SeriesStore(Path(tmp_path)).publish(noisy, pl.DataFrame(schema=_quarantine_schema()))
    dataset = Dataset(Path(tmp_path), version.version, job.dataset.reading, version.digest)
    noisy_scores = run_study(replace(job, dataset=dataset, n_trials=2), "noisy", nothing)
    assert noisy_scores.best_score == run_study(replace(job, n_trials=2), "clean", nothing).best_score


def _quarantine_schema() -> dict:
    import polars as pl

    return {
        "unique_id": pl.String,
        "reason": pl.String,
        "detail": pl.String,
        "first_ds": pl.String,
        "last_ds": pl.String,
        "n_rows": pl.Int64,
    }


def test_a_trial_that_diverges_counts_as_the_worst_and_does_not_end_the_study(job):
    wild = {"training.learning_rate": Distribution(low=1e30, high=1e31, log=True)}
    unclipped = replace(
        job.settings, training=replace(job.settings.training, clip_norm=None, max_steps=40, schedule="constant")
    )
    outcome = run_study(replace(job, settings=unclipped, space=wild, n_trials=2), "wild", nothing)
    assert [t.state for t in outcome.trials] == ["COMPLETE", "COMPLETE"]
    assert outcome.best_score == float("inf")
