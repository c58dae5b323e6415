"""The one task of every flow: the call of a stage, and what Prefect adds to it: a record and retries."""

from collections.abc import Callable, Sequence
from typing import Any

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.tasks import Task

from forecasting.schema import StageSummary

READS_SOURCE = frozenset({"ingest", "monitor"})  # they read the source, which may be away for a moment
RETRY_SECONDS = (5.0, 30.0)


def _may_pass_by_itself(_task: Task[..., Any], _task_run: TaskRun, state: State[Any]) -> bool:
    """Files and networks may come back; a bad config or input, a limit or a bug stays what it is."""
    return isinstance(state.data, OSError)


@task(cache_policy=NO_CACHE, persist_result=False, retry_condition_fn=_may_pass_by_itself)
def _stage(call: Callable[[], StageSummary]) -> StageSummary:
    return call()


def call_stage(
    name: str, call: Callable[[], StageSummary], retry_seconds: Sequence[float] = RETRY_SECONDS
) -> StageSummary:
    """Run `call` here and now as the task `name` of the flow around it; what it raises comes out unchanged."""
    delays = list(retry_seconds) if name in READS_SOURCE else []
    stage = _stage.with_options(name=name, task_run_name=name, retries=len(delays), retry_delay_seconds=delays)
    return stage(call)
