"""Flows over the stub pipeline, in a module of their own: a served flow run imports them in another process."""

from prefect import flow

from flows.pipeline import Values, run_stages
from flows.tasks import Summary
from tests.flows.stub import opener, sleep_long


@flow(flow_run_name="{config[name]}", persist_result=False)
def quick(config: Values) -> Summary:
    return run_stages(config, ["ingest", "predict"], opener())


@flow(flow_run_name="{config[name]}", persist_result=False)
def endless(config: Values) -> Summary:
    return run_stages(config, ["ingest", "train"], opener({"train": sleep_long}))
