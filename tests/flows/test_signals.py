"""Signals that arrive while a stage works, in this process."""

import os
import signal

import pytest

from flows.run import run_flow
from forecasting.config import parse_config
from forecasting.errors import StoppedError
from tests.flows.stub import noted, stub_table
from tests.flows.test_pipeline_flows import newest_run


@pytest.mark.parametrize(
    ("signum", "code", "seen"), [(signal.SIGTERM, 143, "Terminated"), (signal.SIGINT, 130, "KeyboardInterrupt")]
)
def test_a_signal_ends_the_stage_at_once_the_flow_run_as_crashed_and_the_command_with_its_code(
    values, monkeypatch, signum, code, seen
):
    monkeypatch.setattr("flows.pipeline.STAGES", stub_table({"train": lambda: os.kill(os.getpid(), signum)}))
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(StoppedError, match="run the same command again") as caught:
        run_flow(parse_config(values))
    assert caught.value.exit_code == code
    assert noted(values["workspace"])[-2:] == ["train", seen]
    assert newest_run(values).state_name == "Crashed"
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_stage_that_was_stopped_and_says_so_itself_ends_the_flow_run_in_the_same_way(values, monkeypatch):
    def stop() -> None:
        raise StoppedError("stopped by SIGTERM", 143)

    monkeypatch.setattr("flows.pipeline.STAGES", stub_table({"tune": stop}))
    with pytest.raises(StoppedError) as caught:
        run_flow(parse_config(values))
    assert caught.value.exit_code == 143
    assert newest_run(values).state_name == "Crashed"


def test_a_signal_is_no_failure_of_the_outside_world_and_ingest_is_not_tried_again(values, monkeypatch):
    monkeypatch.setattr("flows.pipeline.STAGES", stub_table({"ingest": lambda: os.kill(os.getpid(), signal.SIGTERM)}))
    with pytest.raises(StoppedError):
        run_flow(parse_config(values))
    assert noted(values["workspace"]).count("ingest") == 1
