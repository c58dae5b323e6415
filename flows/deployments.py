"""The schedule as a service: a config comes in, its flows run when they are due, until a signal ends it.

Each flow run is a process of its own, one at a time. The server is our own on loopback with its state in the workspace,
unless PREFECT_API_URL names another; it ends with this process, and so does a flow run under way.
"""

import asyncio
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from uuid import UUID

from prefect import get_client
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterName,
    FlowRunFilter,
    FlowRunFilterDeploymentId,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import StateType
from prefect.runner import Runner
from prefect.settings import PREFECT_LOGGING_LEVEL, temporary_settings
from prefect.types.entrypoint import EntrypointType

from flows.own_server import own_server
from flows.pipeline import FLOWS, RUN, StageFlow
from flows.schedule import Planned, plan
from flows.server import connected
from flows.signals import KEPT, stoppable_command
from forecasting.config import Config
from forecasting.errors import ForecastingError, StoppedError

Served = Mapping[str, StageFlow]

SERVED: Served = {"train": FLOWS[RUN], "predict": FLOWS["predict"], "monitor": FLOWS["monitor"]}
POLL_SECONDS = 10.0


def print_line(line: str) -> None:
    """Write a line to standard output at once, also where that is a file."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def serve(
    config: Config,
    flows: Served = SERVED,
    show: Callable[[str], None] = print_line,
    poll_seconds: float = POLL_SECONDS,
) -> None:
    """Run the schedule of `config` until SIGINT or SIGTERM, then raise StoppedError (130, 143).

    `flows` says what runs for train, predict and monitor, `show` takes the lines that tell what is planned, the server
    is asked for due runs every `poll_seconds`. Raises InputError for a bad schedule, before a server starts.
    """
    planned = plan(config)
    with (
        stoppable_command(),
        own_server(config.workspace, with_schedules=True) as own,
        connected(own) as api,
        temporary_settings({PREFECT_LOGGING_LEVEL: "INFO"}),  # of the flow runs' processes: nobody watches those
    ):
        show(f"serving {config.name}, Prefect's page is {api.removesuffix('/api')}, Ctrl-C ends it")
        for line in planned:
            show(f"  {line.stage:<8} {line.when:<28} next {line.next_at:%Y-%m-%d %H:%M:%S %Z}")
        signum = asyncio.run(_serve(config, planned, flows, poll_seconds))
    raise StoppedError(f"the schedule was stopped by {signum.name}; {KEPT}", 128 + signum)


async def _serve(config: Config, planned: Sequence[Planned], flows: Served, poll_seconds: float) -> signal.Signals:
    runner = Runner(name=config.name, limit=1, query_seconds=poll_seconds)
    deployments = [await _deploy(runner, config, line, flows[line.stage]) for line in planned]
    await _forget_old_schedule(config.name, deployments)
    return await _run_until_signal(runner)


async def _deploy(runner: Runner, config: Config, line: Planned, flow: StageFlow) -> UUID:
    deployment = await flow.ato_deployment(
        name=f"{config.name}-{line.stage}",  # pipelines share the server's state
        schedule=line.schedule,
        parameters={"config": config.model_dump(mode="json")},
        tags=[config.name, line.stage],
        description=f"{line.stage} of {config.name}, {line.when}",
        entrypoint_type=EntrypointType.MODULE_PATH,
    )
    return await runner.aadd_deployment(deployment)


async def _forget_old_schedule(name: str, deployments: list[UUID]) -> None:
    """Drop what an earlier schedule left: like cron, this one starts with what comes next and makes up for nothing."""
    names = DeploymentFilterName(any_=[f"{name}-{stage}" for stage in SERVED])
    missed = FlowRunFilter(
        deployment_id=FlowRunFilterDeploymentId(any_=deployments),
        state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.SCHEDULED])),
    )
    async with get_client() as client:
        for deployment in await client.read_deployments(deployment_filter=DeploymentFilter(name=names)):
            if deployment.id not in deployments:
                await client.delete_deployment(deployment.id)
        while runs := await client.read_flow_runs(flow_run_filter=missed):
            for run in runs:
                await client.delete_flow_run(run.id)


async def _run_until_signal(runner: Runner) -> signal.Signals:
    """Run until SIGINT or SIGTERM, then cancel the flow run under way and pause the schedule; returns the signal."""
    loop = asyncio.get_running_loop()
    stopped: asyncio.Queue[signal.Signals] = asyncio.Queue()
    serving = asyncio.create_task(runner.start())
    await asyncio.sleep(0)  # start() has put its own SIGTERM handler in place by now, which knows no exit code
    for signum in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(signum, stopped.put_nowait, signum)
    waiting = asyncio.create_task(stopped.get())
    await asyncio.wait([serving, waiting], return_when=asyncio.FIRST_COMPLETED)
    while not (runner.started or serving.done()):
        await asyncio.sleep(0.05)
    if not serving.done():
        await runner.astop()
    await serving
    if not waiting.done():
        raise ForecastingError("Prefect's runner must serve until a signal, it ended by itself: start it again")
    return waiting.result()
