"""The last value over the whole horizon: a random walk (fpp3, sections 5.2 and 5.5)."""

import numpy as np

from forecasting.forecasters.baselines._histories import Histories
from forecasting.forecasters.protocol import Task
from forecasting.series.arrays import FloatArray


def min_history(task: Task) -> int:  # noqa: ARG001 - every baseline's function takes the task
    """One observation; its spread is unknown then, and the intervals have width 0."""
    return 1


def forecast_all(histories: Histories, task: Task) -> tuple[FloatArray, FloatArray]:
    """Mean and standard deviation (O, H): sigma_h = sigma * sqrt(h), sigma the root mean square of one-step changes."""
    total_O = histories.lagged_sums(histories.changes(1), 1)
    sigma_O = np.sqrt(total_O / np.maximum(histories.lengths - 1, 1))
    steps_H = np.arange(1.0, task.horizon + 1)
    return np.repeat(histories.last[:, None], task.horizon, axis=1), sigma_O[:, None] * np.sqrt(steps_H)
