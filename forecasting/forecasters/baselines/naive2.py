"""Naive 2 of the M-competitions: the naive forecast of the deseasonalised series, the season put back."""

import numpy as np

from forecasting.forecasters.baselines._decompose import deseasonalise
from forecasting.forecasters.baselines._engine import Engine
from forecasting.forecasters.baselines._normal import normal_forecast
from forecasting.forecasters.protocol import Task
from forecasting.series.arrays import FloatArray


def min_history(task: Task) -> int:  # noqa: ARG001
    """Two observations: one change, from which the spread is known."""
    return 2


def forecast(y: FloatArray, task: Task, engine: Engine) -> tuple[FloatArray, FloatArray]:  # noqa: ARG001
    """Forecast (H,) and normal quantiles (H, Q) of a history (T,); sigma_h = sigma * sqrt(h), times the index."""
    adjusted_T, season = deseasonalise(y, task.season_length)
    sigma = np.sqrt(np.mean(np.diff(adjusted_T) ** 2))
    steps_H = np.arange(1.0, task.horizon + 1)
    mean_H, quantiles_HQ = normal_forecast(np.full(task.horizon, adjusted_T[-1]), sigma * np.sqrt(steps_H), task)
    return season.restore(mean_H), season.restore(quantiles_HQ)
