"""Flows over the stub stages, in a module of their own: a served flow run imports them in another process."""

from typing import Any

from prefect import flow

from flows.pipeline import Values, run_stages
from forecasting.schema import RunSummary
from tests.flows.stub import sleep_long, stub_table


@flow(flow_run_name="{config[name]}", persist_result=False)
def quick(config: Values, options: dict[str, Any] | None = None) -> RunSummary:
    return run_stages(config, "predict", options, stub_table())


@flow(flow_run_name="{config[name]}", persist_result=False)
def endless(config: Values, options: dict[str, Any] | None = None) -> RunSummary:
    return run_stages(config, "train", options, stub_table({"train": sleep_long}))
