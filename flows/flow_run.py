"""One flow run in this process, told of by the pipeline's reporter; Prefect's own lines go to its page alone."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from prefect import tags
from prefect.logging.handlers import PrefectConsoleHandler

from flows.own_server import OwnServer
from flows.pipeline import FLOWS, RUN
from flows.server import connected
from flows.signals import stoppable_command
from forecasting.config import Config
from forecasting.schema import RunSummary
from forecasting.stages.table import Options


def flow_run(config: Config, target: str | None, options: Options, own: OwnServer | None) -> RunSummary:
    """The flow of a stage, or of all, against our `own` server or the one that PREFECT_API_URL names.

    Raises what the stage raises, unchanged; StoppedError (130, 143) after Ctrl-C or SIGTERM.
    """
    with prefect_prints_nothing(), stoppable_command(), connected(own), tags(config.name):
        return FLOWS[target or RUN](config.model_dump(mode="json"), _plain(options))


def _plain(options: Options) -> dict[str, Any]:
    """Options as Prefect's page shows them."""
    return {name: str(value) if isinstance(value, Path) else value for name, value in options.items()}


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
