"""One try of one baseline at one history: a forecast that has been checked, or the reason why there is none."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import numpy as np

from forecasting.forecasters.baselines.settings import BaselineSettings
from forecasting.forecasters.baselines.table import forecast_history, load_engines
from forecasting.forecasters.protocol import Task
from forecasting.series.arrays.series_arrays import FloatArray

Answer = tuple[FloatArray, FloatArray] | str  # forecast (H,) and quantiles (H, Q), or why there is none

_OUT_OF_TIME = "passed the cap of"


def attempt(settings: BaselineSettings, history: FloatArray, task: Task) -> Answer:
    """One forecast of one history (T,), checked: right shapes, finite, quantiles ascending; or the reason why not."""
    kind = settings.kind
    load_engines(kind, settings.engine)  # before the clock runs: an import that is stopped half-way stays broken
    try:
        with _time_limit(settings.max_seconds):
            y_hat, quantiles = forecast_history(kind, history, task, settings.engine)
    except (ValueError, ArithmeticError) as error:  # LinAlgError is a ValueError
        return f"{kind}: {error}"
    except _OutOfTimeError:
        return f"{kind}: {_OUT_OF_TIME} {settings.max_seconds:g} seconds: set baselines.max_seconds"
    if y_hat.shape != (task.horizon,) or quantiles.shape != (task.horizon, len(task.quantile_levels)):
        return f"{kind}: gave shapes {y_hat.shape} and {quantiles.shape}"
    if not (np.isfinite(y_hat).all() and np.isfinite(quantiles).all()):
        return f"{kind}: gave a non-finite forecast"
    if (quantiles[:, 1:] < quantiles[:, :-1]).any():
        return f"{kind}: gave quantiles that do not ascend"
    return y_hat, quantiles


def ran_out_of_time(reason: str | None) -> bool:
    """Whether a forecast failed by the clock: the one reason that may not come again on the same history."""
    return reason is not None and _OUT_OF_TIME in reason


class _OutOfTimeError(BaseException):
    """Not an Exception, so that no library's handler takes it for its own."""


@contextmanager
def _time_limit(seconds: float) -> Iterator[None]:
    """Raises _OutOfTimeError in the block after `seconds` of computing by this process.

    The clock stands still while other processes have the machine, so that a busy one stops no fit that an idle one
    would not. A timer signal is the only thing that interrupts a fit from outside, and signals reach only the main
    thread: that is where a worker of the pool runs its jobs. In another thread there is no cap. The timer repeats soon, for
    whoever is interrupted may swallow even this (an import, a finaliser); one that somebody else had set goes on afterwards
    where it stood.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    inside = True

    def on_alarm(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
        if inside:
            raise _OutOfTimeError

    handler = signal.signal(signal.SIGPROF, on_alarm)
    delay = interval = 0.0
    try:
        try:
            delay, interval = signal.setitimer(signal.ITIMER_PROF, seconds, 0.02)
            yield
        finally:
            inside = False
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, handler if handler is not None else signal.SIG_DFL)
        if delay:
            signal.setitimer(signal.ITIMER_PROF, delay, interval)
