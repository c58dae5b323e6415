"""The line from the first to the last observed value, carried on: a random walk with drift (fpp3, 5.2 and 5.5)."""

import numpy as np

from forecasting.forecasters.baselines._normal import normal_forecast
from forecasting.forecasters.protocol import Task
from forecasting.series.arrays import FloatArray


def min_history(task: Task) -> int:  # noqa: ARG001
    """Three observations: two changes, one of which estimates the drift."""
    return 3


def forecast(y: FloatArray, task: Task) -> tuple[FloatArray, FloatArray]:
    """Forecast (H,) and quantiles (H, Q) of a history (T,), gaps allowed; sigma_h = sigma sqrt(h (1 + h / (T - 1))).

    sigma comes from the one-step changes less the drift, over one degree of freedom less than their number. ValueError
    where fewer than two values were observed.
    """
    seen = np.flatnonzero(np.isfinite(y))
    if len(seen) < 2:
        raise ValueError(f"needs two observed values, got {len(seen)}")
    first, last = seen[0], seen[-1]
    span = last - first
    drift = (y[last] - y[first]) / span
    changes = np.diff(y) - drift
    changes = changes[np.isfinite(changes)]
    sigma = np.sqrt(np.dot(changes, changes) / (len(changes) - 1)) if len(changes) > 1 else 0.0
    steps_H = np.arange(1.0, task.horizon + 1) + (len(y) - 1 - last)
    return normal_forecast(y[last] + drift * steps_H, sigma * np.sqrt(steps_H * (1 + steps_H / span)), task)
