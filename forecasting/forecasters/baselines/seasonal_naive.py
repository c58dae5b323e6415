"""The value of the same phase one season ago (fpp3, sections 5.2 and 5.5)."""

import numpy as np

from forecasting.forecasters.baselines._histories import Histories
from forecasting.forecasters.protocol import Task
from forecasting.series.arrays import FloatArray


def min_history(task: Task) -> int:
    """One season, and one observation more, from which the spread is known."""
    return task.season_length + 1


def forecast_all(histories: Histories, task: Task) -> tuple[FloatArray, FloatArray]:
    """Mean and standard deviation (O, H): sigma_h = sigma * sqrt(k + 1).

    k is the number of whole seasons in the horizon before step h, sigma the root mean square of the changes from season
    to season.
    """
    m = task.season_length
    total_O = histories.lagged_sums(histories.changes(m), m)
    sigma_O = np.sqrt(total_O / (histories.lengths - m))
    steps_H = np.arange(task.horizon)
    mean_OH = histories.values_N[histories.starts[1:, None] - m + steps_H % m]
    return mean_OH, sigma_O[:, None] * np.sqrt(steps_H // m + 1.0)
