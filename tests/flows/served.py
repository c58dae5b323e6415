"""Flows over the stub stages, in a module of their own: a served flow run imports them in another process."""

from pathlib import Path
from typing import Any

from prefect import flow

from flows.pipeline import Values, run_stages
from forecasting.schema import RunSummary
from forecasting.stages.table import Table
from tests.flows.stub import note, sleep_long, stub_table


@flow(flow_run_name="{config[name]}", persist_result=False)
def quick(config: Values, options: dict[str, Any] | None = None) -> RunSummary:
    return _closing(config, "predict", options, stub_table())


@flow(flow_run_name="{config[name]}", persist_result=False)
def endless(config: Values, options: dict[str, Any] | None = None) -> RunSummary:
    return _closing(config, "train", options, stub_table({"train": sleep_long}))


def _closing(config: Values, target: str, options: dict[str, Any] | None, table: Table) -> RunSummary:
    """The run, and a note once it is over, however it ended."""
    try:
        return run_stages(config, target, options, table)
    finally:
        note(Path(config["workspace"]) / "notes.txt", "closed")
