"""What a signal does to a flow: SIGTERM comes in, an exception that stages, Prefect and the command line know goes out.

In a stage it looks like Ctrl-C, so the same clean-up runs with and without Prefect; at the flow's edge it becomes
Prefect's own signal, so the flow run ends as Crashed (as Cancelled, where Prefect sent it) and none is left Running.
"""

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

from prefect.exceptions import TerminationSignal

from forecasting.errors import StoppedError, Terminated

_END_SECONDS = 10.0
KEPT = "what was finished is kept: run the same command again to go on"


@contextmanager
def stoppable_flow() -> Iterator[None]:
    """Inside a flow, SIGTERM raises Terminated; a stop leaves the block as the exception that Prefect knows."""
    try:
        with _sigterm_raises():
            yield
    except Terminated as stop:
        raise TerminationSignal(signal.SIGTERM) from stop
    except StoppedError as stop:
        if stop.exit_code == 128 + signal.SIGTERM:
            raise TerminationSignal(signal.SIGTERM) from stop
        raise KeyboardInterrupt from stop


@contextmanager
def stoppable_command() -> Iterator[None]:
    """Around a flow, SIGTERM and Ctrl-C leave the block as StoppedError with exit code 143 or 130."""
    try:
        with _sigterm_raises():
            yield
    except (Terminated, TerminationSignal):
        raise StoppedError(f"stopped by SIGTERM: {KEPT}", 128 + signal.SIGTERM) from None
    except KeyboardInterrupt:
        raise StoppedError(f"interrupted: {KEPT}", 128 + signal.SIGINT) from None


def end_with_parent() -> None:
    """From now on this process ends when its parent does: as by SIGTERM, and for good if that takes too long.

    For flow runs that `forecast serve` starts: after a kill -9 of it nobody else would end them.
    """
    parent, nowhere = os.getppid(), os.open(os.devnull, os.O_WRONLY)

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1.0)
        for stream in (1, 2):  # the parent read them: writing there would fail amid the clean-up
            os.dup2(nowhere, stream)
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(_END_SECONDS)
        os._exit(128 + signal.SIGTERM)

    threading.Thread(target=watch, daemon=True).start()


@contextmanager
def _sigterm_raises() -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():  # only the main thread is told of signals
        yield
        return
    previous = signal.signal(signal.SIGTERM, _terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)


def _terminate(_signum: int, _frame: FrameType | None) -> NoReturn:
    raise Terminated
