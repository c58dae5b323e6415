"""The line from the first to the last value, carried on: a random walk with drift (fpp3, 5.2 and 5.5)."""

import numpy as np

from forecasting.forecasters.baselines._histories import Histories
from forecasting.forecasters.protocol import Task
from forecasting.series.arrays import FloatArray


def min_history(task: Task) -> int:  # noqa: ARG001
    """Three observations: two changes, one of which estimates the drift."""
    return 3


def forecast_all(histories: Histories, task: Task) -> tuple[FloatArray, FloatArray]:
    """Mean and standard deviation (O, H): sigma_h = sigma sqrt(h (1 + h / (T - 1))).

    sigma comes from the one-step changes less the drift, over one degree of freedom less than their number.
    """
    span_O = histories.lengths - 1
    drift_O = (histories.last - histories.first) / span_O
    total_O = histories.lagged_sums(histories.changes(1) - np.repeat(drift_O, histories.lengths), 1)
    sigma_O = np.sqrt(total_O / (span_O - 1))
    steps_H = np.arange(1.0, task.horizon + 1)
    mean_OH = histories.last[:, None] + drift_O[:, None] * steps_H
    return mean_OH, sigma_O[:, None] * np.sqrt(steps_H * (1 + steps_H / span_O[:, None]))
