"""Naive forecasts (fpp3, sections 5.2 and 5.5): the last value, its line, its season, an average; fitted in no search.

All but `naive2` are closed forms over many histories at a time. Axes: O origins, H horizon, N values laid end to end.
"""

import numpy as np

from forecasting.forecasters.baselines.decomposition import deseasonalise
from forecasting.forecasters.baselines.engine import Engine
from forecasting.forecasters.baselines.histories import Histories
from forecasting.forecasters.baselines.normal import normal_forecast
from forecasting.forecasters.baselines.row import Baseline, at_least
from forecasting.forecasters.protocol import Task
from forecasting.series.arrays.series_arrays import FloatArray

_WITHOUT_SEASON = 4  # values that window_average takes then


def last_value(histories: Histories, task: Task) -> tuple[FloatArray, FloatArray]:
    """A random walk. Mean and standard deviation (O, H): sigma_h = sigma * sqrt(h), sigma the root mean square of one-step changes."""
    total_O = histories.lagged_sums(histories.changes(1), 1)
    sigma_O = np.sqrt(total_O / np.maximum(histories.lengths - 1, 1))
    steps_H = np.arange(1.0, task.horizon + 1)
    return np.repeat(histories.last[:, None], task.horizon, axis=1), sigma_O[:, None] * np.sqrt(steps_H)


def drift(histories: Histories, task: Task) -> tuple[FloatArray, FloatArray]:
    """A random walk with drift. Mean and standard deviation (O, H): sigma_h = sigma sqrt(h (1 + h / (T - 1))).

    sigma comes from the one-step changes less the drift, over one degree of freedom less than their number.
    """
    span_O = histories.lengths - 1
    drift_O = (histories.last - histories.first) / span_O
    total_O = histories.lagged_sums(histories.changes(1) - np.repeat(drift_O, histories.lengths), 1)
    sigma_O = np.sqrt(total_O / (span_O - 1))
    steps_H = np.arange(1.0, task.horizon + 1)
    mean_OH = histories.last[:, None] + drift_O[:, None] * steps_H
    return mean_OH, sigma_O[:, None] * np.sqrt(steps_H * (1 + steps_H / span_O[:, None]))


def seasonal_naive(histories: Histories, task: Task) -> tuple[FloatArray, FloatArray]:
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


def window_average(histories: Histories, task: Task) -> tuple[FloatArray, FloatArray]:
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
    return task.season_length if task.season_length > 1 else _WITHOUT_SEASON


def naive2(y: FloatArray, task: Task, engine: Engine) -> tuple[FloatArray, FloatArray]:  # noqa: ARG001
    """Naive 2 of the M-competitions. Forecast (H,) and normal quantiles (H, Q) of a history (T,); sigma_h = sigma * sqrt(h), times the index."""
    adjusted_T, season = deseasonalise(y, task.season_length)
    sigma = np.sqrt(np.mean(np.diff(adjusted_T) ** 2))
    steps_H = np.arange(1.0, task.horizon + 1)
    mean_H, quantiles_HQ = normal_forecast(np.full(task.horizon, adjusted_T[-1]), sigma * np.sqrt(steps_H), task)
    return season.restore(mean_H), season.restore(quantiles_HQ)


NAIVE: dict[str, Baseline] = {
    "naive": Baseline(
        at_least(1),  # its spread is unknown then, and the intervals have width 0
        "the last value",
        "normal, sigma * sqrt(h) of a random walk",
        forecast_all=last_value,
    ),
    "drift": Baseline(
        at_least(3),  # two changes, one of which estimates the drift
        "the line from the first to the last value",
        "normal, sigma * sqrt(h * (1 + h / (T - 1)))",
        forecast_all=drift,
    ),
    "seasonal_naive": Baseline(
        lambda task: task.season_length + 1,  # one more than a season, from which the spread is known
        "the value one season ago",
        "normal, sigma * sqrt(whole seasons ahead + 1)",
        forecast_all=seasonal_naive,
    ),
    "window_average": Baseline(
        lambda task: _window(task) + 1,  # one more than a window, from which the spread is known
        "the average of the last season",
        "normal, root mean square of the in-sample errors at each step",
        "residuals",
        forecast_all=window_average,
        max_history=500,  # bounds the in-sample errors, which are made for each step ahead
    ),
    "naive2": Baseline(
        at_least(2),  # one change, from which the spread is known
        "the last value of the deseasonalised series, as in the M-competitions",
        "normal, sigma * sqrt(h) of a random walk, times the seasonal index",
        forecast=naive2,
    ),
}
