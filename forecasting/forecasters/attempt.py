"""One try of one baseline at one history: a forecast that has been checked, or the reason why there is none."""

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import numpy as np

from forecasting.forecasters.baselines import BASELINES
from forecasting.forecasters.protocol import Task
from forecasting.series.arrays import FloatArray

Answer = tuple[FloatArray, FloatArray] | str  # forecast (H,) and quantiles (H, Q), or why there is none


def attempt(kind: str, history: FloatArray, task: Task, max_seconds: float) -> Answer:
    """One forecast of one history (T,), checked: right shapes, finite, quantiles ascending; or the reason why not."""
    try:
        with _time_limit(max_seconds):
            y_hat, quantiles = BASELINES[kind].forecast(history, task)
    except (ValueError, ArithmeticError) as error:  # LinAlgError is a ValueError
        return f"{kind}: {error}"
    except _OutOfTimeError:
        return f"{kind}: passed the cap of {max_seconds:g} seconds: set baselines.max_seconds"
    if y_hat.shape != (task.horizon,) or quantiles.shape != (task.horizon, len(task.quantile_levels)):
        return f"{kind}: gave shapes {y_hat.shape} and {quantiles.shape}"
    if not (np.isfinite(y_hat).all() and np.isfinite(quantiles).all()):
        return f"{kind}: gave a non-finite forecast"
    if (quantiles[:, 1:] < quantiles[:, :-1]).any():
        return f"{kind}: gave quantiles that do not ascend"
    return y_hat, quantiles


class _OutOfTimeError(BaseException):
    """Not an Exception, so that no library's handler takes it for its own."""


@contextmanager
def _time_limit(seconds: float) -> Iterator[None]:
    """Raises _OutOfTimeError in the block after `seconds` (0: never).

    A timer signal is the only thing that interrupts a fit from outside, and signals reach only the main thread: that
    is where a worker of the pool runs its jobs. In another thread there is no cap. The timer repeats, for a library
    may swallow even this; a timer that somebody else had set goes on afterwards with what was left of it.
    """
    if not seconds or threading.current_thread() is not threading.main_thread():
        yield
        return
    inside = True

    def on_alarm(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
        if inside:
            raise _OutOfTimeError

    started = time.monotonic()
    handler = signal.signal(signal.SIGALRM, on_alarm)
    delay = interval = 0.0
    try:
        try:
            delay, interval = signal.setitimer(signal.ITIMER_REAL, seconds, 1.0)
            yield
        finally:
            inside = False
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler if handler is not None else signal.SIG_DFL)
        if delay:
            signal.setitimer(signal.ITIMER_REAL, max(delay - (time.monotonic() - started), 1e-3), interval)
