"""A fit's record in MLflow: telemetry as metrics, the gradient through time, and a fit that diverged says so."""

import math

import pytest
from mlflow import MlflowClient
from mlflow.entities import Run

from forecasting.config import parse_config
from forecasting.reporting.fit_page import memory_sentence
from forecasting.stages.run import run
from tests.conftest import tiny_config


def recorded(workspace, learning_rate: float) -> tuple[MlflowClient, Run]:
    """The run of one small network."""
    raw = tiny_config(workspace)
    training = {"max_steps": 40, "batch_size": 16, "valid_every": 10, "learning_rate": learning_rate}
    network = raw["forecasters"][0] | {"training": training}
    raw |= {"forecasters": [network], "tuning": {"n_trials": 0}}
    run(parse_config(raw), "train")
    client = MlflowClient(f"sqlite:///{workspace / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("tiny")
    (record,) = client.search_runs([experiment.experiment_id], "tags.`forecasting.kind` = 'recurrent'")
    return client, record


def test_a_fit_leaves_its_telemetry_and_how_far_back_it_looks(workspace):
    client, record = recorded(workspace, 0.005)
    for key in ("train_loss", "gradient_norm", "gradient_norm_max", "clip_rate", "update_ratio", "skipped_steps"):
        points = client.get_metric_history(record.info.run_id, key)
        assert [p.step for p in points] == [10, 20, 30, 40]
        assert all(math.isfinite(p.value) for p in points)
    assert [p.step for p in client.get_metric_history(record.info.run_id, "effective_memory")] == [10, 20, 40]
    by_lag = client.get_metric_history(record.info.run_id, "memory.gradient")
    assert sorted(p.step for p in by_lag) == list(range(14))
    assert max(p.value for p in by_lag) == 1
    assert record.data.metrics["memory.season_length"] == 7
    assert "Effective memory: " in record.data.tags["mlflow.note.content"]
    page = client.download_artifacts(record.info.run_id, "figures/training.html")
    with open(page, encoding="utf-8") as file:  # noqa: PTH123 - a path as MLflow gives it
        assert "Gradient through time" in file.read()


def test_a_fit_that_diverges_is_a_failed_run_that_says_so(workspace):
    _, record = recorded(workspace, 1e30)
    assert record.info.status == "FAILED"
    assert record.data.tags["diverged"] == "true"
    assert "finite" in record.data.tags["mlflow.note.content"]


@pytest.mark.parametrize(
    ("memory", "season", "said"), [(5, 24, "less than a season"), (30, 24, "a season has 24"), (3, 1, "gradient.")]
)
def test_the_sentence_compares_memory_and_season(memory, season, said):
    assert said in memory_sentence(memory, season, 48)
