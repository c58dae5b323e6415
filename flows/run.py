"""The pipeline as a Prefect flow: a config comes in, the summary goes out, with the server that it needs around it.

On a first start the server makes its tables; meanwhile this process loads Prefect and the stages, and the workers what jobs
need.
"""

from contextlib import ExitStack

from flows.own_server import OwnServer, own_server
from forecasting.config import Config
from forecasting.processes import kept_workers, warm_workers, workers_of
from forecasting.schema import RunSummary
from forecasting.stages.table import Options

_NEEDED_BY_JOBS = ("forecasting.stages.jobs.fit", "forecasting.tuning.study")


def run_flow(
    config: Config, target: str | None = None, options: Options | None = None, own: OwnServer | None = None
) -> RunSummary:
    """Run the whole pipeline, or one stage and what it needs, as a Prefect flow.

    `own` is a server that was started already; null: the one that PREFECT_API_URL names, or one for this call. Raises what
    the stage raises, unchanged; ServiceError where the server does not start; StoppedError (130, 143) after Ctrl-C or
    SIGTERM.
    """
    with ExitStack() as around:
        own = own or around.enter_context(own_server(config.workspace, with_schedules=False))
        around.enter_context(kept_workers())
        if own is not None and own.fresh and target is None:
            warm_workers(workers_of(config.workers), _NEEDED_BY_JOBS)
        from flows.flow_run import flow_run

        return flow_run(config, target, options or {}, own)
