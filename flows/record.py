"""What a flow leaves with Prefect beside its states: a name and tags, log lines, an end for runs that were killed."""

from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from prefect import get_client, get_run_logger
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterId,
    FlowRunFilterState,
    FlowRunFilterStateType,
    FlowRunFilterTags,
)
from prefect.client.schemas.objects import StateType
from prefect.runtime import flow_run
from prefect.states import Crashed

_LOOPBACK = ("127.0.0.1", "localhost", "::1")


class RunLog:
    """A reporter whose lines go to the flow run's log, for runs that nobody watches."""

    def stage(self, name: str) -> None:
        """A stage begins: Prefect says so itself."""

    def progress(self, what: str, done: int, total: int, text: str) -> None:
        """Too much for a log."""

    def finished(self, name: str, sentence: str, reused: bool) -> None:
        """A stage is done."""
        get_run_logger().info("%s: %s%s", name, sentence, " (reused)" if reused else "")

    def warn(self, text: str) -> None:
        """Something that does not stop the run."""
        get_run_logger().warning(text)


def label(pipeline: str, run_id: str) -> None:
    """Name and tag the flow run around this call, so that it is found by its pipeline and by its run id."""
    tags = sorted({*flow_run.tags, pipeline, run_id})
    with get_client(sync_client=True) as client:
        client.update_flow_run(UUID(flow_run.id), name=f"{pipeline} {run_id[:8]}", tags=tags)


def end_killed_runs(pipeline: str, workspace: str) -> int:
    """Mark flow runs of this pipeline as Crashed whose process was killed before it could; returns how many.

    Call it under the pipeline's lock: nothing else of it can be alive then. A server that other machines share may know
    the same pipeline under other locks, so only a server on this machine is asked.
    """
    running = FlowRunFilter(
        id=FlowRunFilterId(not_any_=[UUID(flow_run.id)]),
        tags=FlowRunFilterTags(all_=[pipeline]),
        state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.RUNNING, StateType.CANCELLING])),
    )
    with get_client(sync_client=True) as client:
        if urlsplit(str(client.api_url)).hostname not in _LOOPBACK:
            return 0
        killed = [r for r in client.read_flow_runs(flow_run_filter=running) if _workspace(r.parameters) == workspace]
        for run in killed:
            client.set_flow_run_state(run.id, Crashed(message="its process was killed"), force=True)
    return len(killed)


def _workspace(parameters: dict[str, Any]) -> object:
    return parameters.get("config", {}).get("workspace")
