"""The last observed value over the whole horizon: a random walk (fpp3, sections 5.2 and 5.5)."""

import numpy as np

from forecasting.forecasters.baselines._normal import normal_forecast
from forecasting.forecasters.protocol import Task
from forecasting.series.arrays import FloatArray


def min_history(task: Task) -> int:  # noqa: ARG001 - every baseline's function takes the task
    """One observation; its spread is unknown then, and the intervals have width 0."""
    return 1


def forecast(y: FloatArray, task: Task) -> tuple[FloatArray, FloatArray]:
    """Forecast (H,) and quantiles (H, Q) of a history (T,), gaps allowed; sigma_h = sigma * sqrt(h).

    sigma is the root mean square of the one-step changes that were observed. ValueError where nothing was observed.
    """
    steps_H = np.arange(1.0, task.horizon + 1)
    last = y[-1]
    if not np.isfinite(last):
        seen = np.flatnonzero(np.isfinite(y))
        if not len(seen):
            raise ValueError("needs one observed value")
        last = y[seen[-1]]
        steps_H = steps_H + (len(y) - 1 - seen[-1])
    changes = np.diff(y)
    changes = changes[np.isfinite(changes)]
    sigma = np.sqrt(np.dot(changes, changes) / len(changes)) if len(changes) else 0.0
    return normal_forecast(np.full(task.horizon, last), sigma * np.sqrt(steps_H), task)
