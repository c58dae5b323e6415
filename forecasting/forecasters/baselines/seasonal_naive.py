"""The value of the same phase one season ago (fpp3, sections 5.2 and 5.5)."""

import numpy as np

from forecasting.forecasters.baselines._normal import normal_forecast
from forecasting.forecasters.protocol import Task
from forecasting.series.arrays import FloatArray


def min_history(task: Task) -> int:
    """One season, and one observation more, from which the spread is known."""
    return task.season_length + 1


def forecast(y: FloatArray, task: Task) -> tuple[FloatArray, FloatArray]:
    """Forecast (H,) and quantiles (H, Q) of a history (T,), gaps allowed; sigma_h = sigma * sqrt(k + 1).

    k is the number of whole seasons in the horizon before step h, sigma the root mean square of the changes from season
    to season that were observed. ValueError where the history is shorter than a season or a phase was never observed.
    """
    m = task.season_length
    if len(y) < m:
        raise ValueError(f"needs a season of {m} observations, got {len(y)}")
    changes = y[m:] - y[:-m]
    changes = changes[np.isfinite(changes)]
    sigma = np.sqrt(np.dot(changes, changes) / len(changes)) if len(changes) else 0.0
    steps_H = np.arange(task.horizon)
    return normal_forecast(_last_season(y, m)[steps_H % m], sigma * np.sqrt(steps_H // m + 1.0), task)


def _last_season(y: FloatArray, m: int) -> FloatArray:
    """The newest observed value of each phase, in the order of the horizon's steps; (m,)."""
    season = y[-m:].copy()
    for end in range(len(y) - m, 0, -m):
        missing = ~np.isfinite(season)
        if not missing.any():
            break
        older = np.full(m, np.nan)
        cycle = y[max(end - m, 0) : end]
        older[m - len(cycle) :] = cycle
        season[missing] = older[missing]
    if not np.isfinite(season).all():
        raise ValueError(f"needs one observed value in each of the {m} phases of a season")
    return season
