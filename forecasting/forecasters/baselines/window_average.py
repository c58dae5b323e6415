"""The average of the last season (of the last four values where there is no season), constant over the horizon."""

import numpy as np

from forecasting.forecasters.baselines._histories import Histories
from forecasting.forecasters.protocol import Task
from forecasting.series.arrays import FloatArray

MAX_HISTORY = 500  # newest observations used: bounds the in-sample errors, which are made for each step ahead
_NO_SEASON = 4


def min_history(task: Task) -> int:
    """A window, and one observation more, from which the spread is known."""
    return _window(task) + 1


def forecast_all(histories: Histories, task: Task) -> tuple[FloatArray, FloatArray]:
    """Mean and standard deviation (O, H): sigma_h is the root mean square of the in-sample errors h steps ahead.

    Where the history is too short for errors h steps ahead, sigma_h is that of the step before.
    """
    window, values_N = _window(task), histories.values_N
    average_N = values_N / window  # of the window that ends at each row; meaningless in its first rows
    for lag in range(1, window):
        average_N[lag:] += values_N[:-lag] / window
    sigma_OH = np.empty((len(histories.lengths), task.horizon))
    for h in range(1, task.horizon + 1):
        errors_N = np.zeros_like(values_N)
        errors_N[h:] = values_N[h:] - average_N[:-h]
        count_O = histories.lengths - window + 1 - h
        root_O = np.sqrt(histories.lagged_sums(errors_N, window - 1 + h) / np.maximum(count_O, 1))
        sigma_OH[:, h - 1] = np.where(count_O > 0, root_O, sigma_OH[:, h - 2])
    return np.repeat(average_N[histories.starts[1:, None] - 1], task.horizon, axis=1), sigma_OH


def _window(task: Task) -> int:
    return task.season_length if task.season_length > 1 else _NO_SEASON
