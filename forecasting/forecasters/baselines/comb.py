"""Comb of the M-competitions: the average of simple, Holt's and damped smoothing of the deseasonalised series.

(Makridakis & Hibon 2000; Makridakis, Spiliotis & Assimakopoulos 2020). Its quantiles are the averages of theirs.
"""

import numpy as np

from forecasting.forecasters.baselines._decompose import deseasonalise
from forecasting.forecasters.baselines._engine import Engine
from forecasting.forecasters.baselines._normal import is_constant, normal_forecast
from forecasting.forecasters.baselines._smoothing import smoothed_forecast
from forecasting.forecasters.protocol import Task
from forecasting.series.arrays import FloatArray


def min_history(task: Task) -> int:  # noqa: ARG001
    """Eight observations, as the damped trend needs."""
    return 8


def forecast(y: FloatArray, task: Task, engine: Engine) -> tuple[FloatArray, FloatArray]:
    """Forecast (H,) and quantiles (H, Q) of a history (T,); ValueError where one of the three cannot be fitted."""
    adjusted_T, season = deseasonalise(y, task.season_length)
    if is_constant(adjusted_T, y):
        line = normal_forecast(np.full(task.horizon, adjusted_T[-1]), np.zeros(task.horizon), task)
        return season.restore(line[0]), season.restore(line[1])
    three = [smoothed_forecast(adjusted_T, trend, task, engine) for trend in ("none", "additive", "damped")]
    y_hat = sum(point for point, _ in three) / 3
    quantiles_HQ = sum(quantiles for _, quantiles in three) / 3
    return season.restore(np.asarray(y_hat)), season.restore(np.asarray(quantiles_HQ))
