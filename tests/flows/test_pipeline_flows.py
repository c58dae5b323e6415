"""Real flows over a pipeline that costs nothing: order, names, records, errors, retries."""

import logging
import threading
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import yaml
from prefect import flow, get_client
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterTags
from prefect.client.schemas.objects import FlowRun
from prefect.states import Running
from typer.testing import CliRunner

from flows.pipeline import FLOWS, RUN
from flows.record import RunLog, end_killed_runs
from flows.run import run_flow
from flows.tasks import call_stage
from forecasting.cli import app
from forecasting.config import parse_config
from forecasting.errors import InputError, LimitError
from forecasting.reporting.reporter import listening, reporting
from forecasting.schema import ReportSummary
from forecasting.stages.table import STAGES
from tests.flows.stub import RUN_ID, noted, stub_table

NO_WAIT = (0.0, 0.0)
IN_RUN = [stage.name for stage in STAGES.values() if stage.in_run]


def newest_run(values: dict[str, Any]) -> FlowRun:
    """The newest flow run of this test's workspace."""
    with get_client(sync_client=True) as client:
        runs = client.read_flow_runs(flow_run_filter=FlowRunFilter(tags=FlowRunFilterTags(all_=[values["name"]])))
    mine = [run for run in runs if run.parameters["config"]["workspace"] == values["workspace"]]
    return max(mine, key=lambda run: run.created)


def raiser(error: Exception) -> Any:
    def deed() -> None:
        raise error

    return deed


def test_the_whole_pipeline_calls_every_stage_in_order_and_returns_the_summary(values, monkeypatch):
    monkeypatch.setattr("flows.pipeline.STAGES", stub_table())
    summary = run_flow(parse_config(values))
    assert (summary.run_id, list(summary.stages)) == (RUN_ID, IN_RUN)
    assert noted(values["workspace"]) == IN_RUN


@pytest.mark.parametrize("stage", [name for name in STAGES if name != "ingest"])
def test_the_flow_of_one_stage_ingests_and_does_that_stage(values, monkeypatch, stage):
    monkeypatch.setattr("flows.pipeline.STAGES", stub_table())
    assert list(FLOWS[stage](values).stages) == ["ingest", stage]


@pytest.mark.usefixtures("server")
def test_a_flow_is_found_again_in_its_module_by_the_name_of_its_stage():
    from flows import pipeline

    assert set(FLOWS) == {RUN, *STAGES}
    for name, made in FLOWS.items():
        assert getattr(pipeline, name) is made
        assert made.fn.__name__ == name


def test_a_flow_run_is_found_by_pipeline_and_run_id_and_shows_its_config(values, monkeypatch):
    monkeypatch.setattr("flows.pipeline.STAGES", stub_table())
    config = parse_config(values)
    run_flow(config)
    run = newest_run(values)
    assert run.name == f"tiny {RUN_ID[:8]}"
    assert {"tiny", RUN_ID} <= set(run.tags)
    assert run.parameters == {"config": config.model_dump(mode="json"), "options": {}}
    assert run.state_name == "Completed"


def test_an_error_of_a_stage_comes_out_unchanged_and_unprinted_and_the_flow_run_is_failed(values, monkeypatch, capfd):
    error = InputError("horizon must be at least 1, got 0: set task.horizon")
    monkeypatch.setattr("flows.pipeline.STAGES", stub_table({"train": raiser(error)}))
    with pytest.raises(InputError) as caught:
        run_flow(parse_config(values))
    assert caught.value is error
    assert noted(values["workspace"]) == ["ingest", "window", "tune", "train", "InputError"]
    assert newest_run(values).state_name == "Failed"
    assert capfd.readouterr() == ("", "")


def test_stages_run_in_the_main_thread_and_tell_the_reporter_that_listens(values, monkeypatch):
    class Listener(RunLog):
        """Any reporter but the silent one."""

    seen, mine = [], Listener()
    look = {"tune": lambda: seen.append((threading.current_thread(), listening()))}
    monkeypatch.setattr("flows.pipeline.STAGES", stub_table(look))
    with reporting(mine):
        run_flow(parse_config(values))
    assert seen == [(threading.main_thread(), mine)]


def test_where_nobody_listens_the_log_of_the_flow_run_tells_what_came_out(values, monkeypatch, caplog):
    monkeypatch.setattr(
        "flows.pipeline.STAGES", stub_table({"tune": lambda: listening().finished("tune", "12 trials", True)})
    )
    with caplog.at_level(logging.INFO, logger="prefect"):
        FLOWS[RUN](values)
    [record] = [record for record in caplog.records if record.message == "tune: 12 trials (reused)"]
    assert record.flow_run_name.startswith("tiny")


def attempts(stage: str, errors: list[Exception | None]) -> int:
    """How often a flow calls `stage` that meets these errors in turn; the last is raised out of the flow."""
    calls = []

    def call() -> ReportSummary:
        calls.append(stage)
        error = errors[len(calls) - 1]
        if error is not None:
            raise error
        return ReportSummary(path="", published=0)

    @flow(persist_result=False)
    def around() -> None:
        call_stage(stage, call, retry_seconds=NO_WAIT)

    if errors[-1] is None:
        around()
    else:
        with pytest.raises(type(errors[-1])):
            around()
    return len(calls)


@pytest.mark.usefixtures("values")
def test_reading_the_source_is_tried_again_after_a_failure_of_the_outside_world():
    assert attempts("ingest", [ConnectionError("away"), TimeoutError("slow"), None]) == 3
    assert attempts("ingest", [OSError("away"), OSError("away"), OSError("still away")]) == 3


@pytest.mark.usefixtures("values")
@pytest.mark.parametrize("error", [InputError("a column is missing"), LimitError("too many"), ValueError("a bug")])
def test_what_will_not_pass_by_itself_is_not_tried_again(error):
    assert attempts("ingest", [error]) == 1


@pytest.mark.usefixtures("values")
def test_a_stage_that_does_not_read_the_source_is_not_tried_again():
    assert attempts("train", [OSError("disk full")]) == 1


def lost_run(client: SyncPrefectClient, values: dict[str, Any]) -> UUID:
    """A flow run that says Running and has no process."""
    return client.create_flow_run(FLOWS[RUN], parameters={"config": values}, tags=[values["name"]], state=Running()).id


def test_a_flow_run_whose_process_was_killed_is_ended_by_the_next_one_of_its_pipeline(values, monkeypatch):
    monkeypatch.setattr("flows.pipeline.STAGES", stub_table())
    with get_client(sync_client=True) as client:
        killed = lost_run(client, values)
        elsewhere = lost_run(client, {**values, "workspace": "elsewhere"})
        run_flow(parse_config(values))
        assert client.read_flow_run(killed).state_name == "Crashed"
        assert client.read_flow_run(elsewhere).state_name == "Running"


def test_no_run_is_ended_on_a_server_that_other_machines_may_share(values, monkeypatch):
    @flow(persist_result=False)
    def around() -> int:
        return end_killed_runs(values["name"], values["workspace"])

    monkeypatch.setattr("flows.record._LOOPBACK", ())
    with get_client(sync_client=True) as client:
        lost = lost_run(client, values)
        assert around() == 0
        assert client.read_flow_run(lost).state_name == "Running"


def runs_of(values: dict[str, Any]) -> int:
    with get_client(sync_client=True) as client:
        runs = client.read_flow_runs(flow_run_filter=FlowRunFilter(tags=FlowRunFilterTags(all_=[values["name"]])))
    return sum(run.parameters["config"]["workspace"] == values["workspace"] for run in runs)


@pytest.mark.parametrize(
    ("named", "options", "n_runs"),
    [(True, [], 1), (True, ["--plain"], 0), (False, [], 0)],
    ids=["a-server-is-named", "plain", "no-server-is-named"],
)
def test_the_command_of_a_stage_is_a_flow_run_where_a_server_is_named_unless_plain(
    values, tmp_path, monkeypatch, named, options, n_runs
):
    config = tmp_path / "tiny.yaml"
    config.write_text(yaml.safe_dump(values))
    if not named:
        monkeypatch.delenv("PREFECT_API_URL")
    done = CliRunner().invoke(app, ["ingest", str(config), *options])
    assert done.exit_code == 0, done.output
    assert runs_of(values) == n_runs
    assert not (Path(values["workspace"]) / "prefect").exists()  # no server of its own either
