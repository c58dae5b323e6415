"""A flow run in this process: a config comes in, the summary goes out, with the server that it needs around it."""

import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from prefect import tags
from prefect.logging.handlers import PrefectConsoleHandler

from flows.pipeline import FLOWS, RUN
from flows.server import connected
from flows.signals import stoppable_command
from forecasting.config import Config
from forecasting.environment import prefect_home
from forecasting.errors import InputError
from forecasting.schema import RunSummary
from forecasting.stages.table import Options


def run_flow(config: Config, target: str | None = None, options: Options | None = None) -> RunSummary:
    """Run the whole pipeline, or one stage and what it needs, as a Prefect flow.

    Raises what the stage raises, unchanged; StoppedError (130, 143) after Ctrl-C or SIGTERM.
    """
    home = prefect_home(config.workspace)
    fresh = not (home / "prefect.db").exists()
    try:
        with (
            prefect_prints_nothing(),
            stoppable_command(),
            connected(home, with_schedules=False),
            tags(config.name),
        ):
            return FLOWS[target or RUN](config.model_dump(mode="json"), _plain(options or {}))
    except InputError:
        if fresh:
            _forget(home, config.workspace.absolute())
        raise


def _plain(options: Options) -> dict[str, Any]:
    """Options as Prefect's page shows them."""
    return {name: str(value) if isinstance(value, Path) else value for name, value in options.items()}


def _forget(home: Path, workspace: Path) -> None:
    """Bad input writes nothing: what Prefect's first start left in the workspace goes again."""
    if home.is_relative_to(workspace):
        shutil.rmtree(home, ignore_errors=True)
        if workspace.is_dir() and not any(workspace.iterdir()):
            workspace.rmdir()


@contextmanager
def prefect_prints_nothing() -> Iterator[None]:
    """Leave the terminal to the pipeline's reporter, as without Prefect; Prefect's own lines still go to its page."""
    root, nothing = logging.getLogger(), logging.NullHandler()
    talkers = [logging.getLogger(name) for name in ("prefect", "EventsWorker", "APILogWorker")]
    printers = [handler for handler in root.handlers if isinstance(handler, PrefectConsoleHandler)]
    for handler in printers:
        root.removeHandler(handler)
    for talker in talkers:
        talker.addHandler(nothing)
        talker.propagate = False
    try:
        yield
    finally:
        for talker in talkers:
            talker.propagate = True
            talker.removeHandler(nothing)
        for handler in printers:
            root.addHandler(handler)
