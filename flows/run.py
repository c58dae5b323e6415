"""The pipeline as a Prefect flow: a config comes in, the summary goes out, with the server that it needs around it.

On a first start the server makes its tables; meanwhile this process loads Prefect and the stages, and the workers what jobs
need.
"""

import shutil
from pathlib import Path

from flows.own_server import own_server
from forecasting.config import Config
from forecasting.environment import prefect_home
from forecasting.errors import InputError
from forecasting.processes import kept_workers, warm_workers, workers_of
from forecasting.schema import RunSummary
from forecasting.stages.table import Options

_NEEDED_BY_JOBS = ("forecasting.stages.jobs.fit", "forecasting.tuning.study")


def run_flow(config: Config, target: str | None = None, options: Options | None = None) -> RunSummary:
    """Run the whole pipeline, or one stage and what it needs, as a Prefect flow.

    Raises what the stage raises, unchanged; ServiceError where the server does not start; StoppedError (130, 143) after
    Ctrl-C or SIGTERM.
    """
    home = prefect_home(config.workspace)
    fresh = not (home / "prefect.db").exists()
    try:
        with own_server(config.workspace, with_schedules=False) as own, kept_workers():
            if own is not None and own.fresh and target is None:
                warm_workers(workers_of(config.workers), _NEEDED_BY_JOBS)
            from flows.flow_run import flow_run

            return flow_run(config, target, options or {}, own)
    except InputError:
        if fresh:
            _forget(home, config.workspace.absolute())
        raise


def _forget(home: Path, workspace: Path) -> None:
    """Bad input writes nothing: what Prefect's first start left in the workspace goes again."""
    if home.is_relative_to(workspace):
        shutil.rmtree(home, ignore_errors=True)
        if workspace.is_dir() and not any(workspace.iterdir()):
            workspace.rmdir()
