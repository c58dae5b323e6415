"""What the gate leaves behind: champion and challenger in the registry, the evidence on both, one step back."""

import json
from pathlib import Path

import pytest
from mlflow import MlflowClient

from forecasting.config import parse_config
from forecasting.errors import InputError
from forecasting.schema import BacktestSummary, PredictSummary, PromoteSummary, RunSummary
from forecasting.stages.run import run
from tests.conftest import tiny_config

EASY = {
    "against": "naive",
    "min_evidence": 10,
    "coverage_tolerance": None,
    "champion_tolerance": 1.0,
}  # any network beats naive on weekly data
HARD = {"min_skill": 0.9, "min_evidence": 10}


def config(workspace: Path, promotion: dict, **changes):
    raw = tiny_config(workspace, tuning={}, promotion=promotion, baselines=["naive", "seasonal_naive"])
    raw["forecasters"] = raw["forecasters"][:1]
    return parse_config(raw | changes)


def client_of(workspace: Path) -> MlflowClient:
    return MlflowClient(f"sqlite:///{workspace / 'mlflow.db'}")


def pointer(workspace: Path) -> dict:
    return json.loads((workspace / "tiny" / "champion.json").read_text())


@pytest.fixture(scope="module")
def twice(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[RunSummary]]:
    """A candidate that fails, then the same one with rules that it passes."""
    workspace = tmp_path_factory.mktemp("promotion") / "workspace"
    return workspace, [run(config(workspace, rules)) for rules in (HARD, EASY)]


def test_a_candidate_that_fails_is_registered_as_challenger_with_the_reason(twice) -> None:
    workspace, (first, _) = twice
    assert first.of(PromoteSummary).model == "seasonal_naive"
    versions = client_of(workspace).search_model_versions("name = 'tiny'")
    failed = [
        v for v in versions if v.tags["forecasting.model"] == "gru_seq" and v.tags["forecasting.decision"] == "rejected"
    ]
    assert len(failed) == 1
    assert failed[0].tags["gate.skill"].startswith("failed: ")
    assert "did not beat" in failed[0].tags["forecasting.reason"] or "is lower" in failed[0].tags["forecasting.reason"]
    assert failed[0].description.startswith(f"**{failed[0].tags['forecasting.reason']}**")
    assert "| skill | **failed** |" in failed[0].description


def test_a_candidate_that_passes_becomes_champion_with_its_evidence(twice) -> None:
    workspace, (_, second) = twice
    assert second.of(PromoteSummary).decision == "promoted"
    champion = client_of(workspace).get_model_version_by_alias("tiny", "champion")
    assert champion.tags["forecasting.model"] == "gru_seq"
    assert champion.tags["gate.reload"].startswith("passed: ")
    assert champion.tags["gate.champion"].startswith("passed: ")  # the seasonal naive served before
    assert champion.tags["gate.leak_check"].startswith("passed: 0")


def test_the_run_holds_every_rule_as_metric_tag_and_table(twice) -> None:
    workspace, (first, second) = twice
    client = client_of(workspace)
    record = client.get_run(second.mlflow_run_id)
    assert record.data.metrics["gate.leak_check.passed"] == 1.0
    assert record.data.metrics["gate.skill.value"] > 0
    assert record.data.tags["forecasting.leak_check"] == "passed"
    assert "| leak check | passed |" in record.data.tags["mlflow.note.content"]
    assert client.get_run(first.mlflow_run_id).data.metrics["gate.skill.passed"] == 0.0
    paths = {file.path for file in client.list_artifacts(record.info.run_id, "tables")}
    assert {f"tables/{n}" for n in ("gate.json", "leaderboard.json", "comparisons.json", "slices.csv")} <= paths
    assert "verdict/leaderboard.md" in {file.path for file in client.list_artifacts(record.info.run_id, "verdict")}


def test_a_rollback_brings_the_champion_before_back_and_no_further(twice) -> None:
    workspace, (first, second) = twice
    after = pointer(workspace)
    settings = config(workspace, EASY)
    told = run(settings, "promote", {"rollback": True}).of(PromoteSummary)
    assert (told.model, told.digest) == ("seasonal_naive", first.of(PromoteSummary).digest)
    champion = client_of(workspace).get_model_version_by_alias("tiny", "champion")
    assert str(champion.version) == first.of(PromoteSummary).version
    assert run(settings, "predict").of(PredictSummary).model == "seasonal_naive"
    with pytest.raises(InputError, match="a rollback needs a champion before the present one"):
        run(settings, "promote", {"rollback": True})
    again = run(settings, "promote").of(PromoteSummary)
    assert again.digest == second.of(PromoteSummary).digest == after["digest"]
    assert [one["model"] for one in pointer(workspace)["previous"]] == ["seasonal_naive"]


def test_the_present_champion_is_compared_on_the_cutoffs_of_the_next_run(twice) -> None:
    workspace, _ = twice
    other = config(workspace, EASY, seed=8)
    summary = run(other, "promote")
    assert "gru_seq (serving)" in {row["model"] for row in summary.of(BacktestSummary).leaderboard}
    rule = next(rule for rule in summary.of(PromoteSummary).rules if rule.rule == "champion")
    assert rule.passed == "yes"
    assert rule.value is not None
