"""The median of ets, theta and arima, point by point and quantile by quantile; needs all three."""

from collections.abc import Sequence

import numpy as np

from forecasting.forecasters.baselines import arima, ets, theta
from forecasting.forecasters.baselines._engine import Engine
from forecasting.forecasters.protocol import Task
from forecasting.series.arrays import FloatArray

MEMBERS = ("ets", "theta", "arima")


def min_history(task: Task) -> int:
    """As many observations as the most demanding of the three."""
    return max(ets.min_history(task), theta.min_history(task), arima.min_history(task))


def forecast(y: FloatArray, task: Task, engine: Engine) -> tuple[FloatArray, FloatArray]:
    """Forecast (H,) and quantiles (H, Q) of a history (T,), each model on the newest part that it uses."""
    answers = [
        ets.forecast(y[-ets.MAX_HISTORY :], task, engine),
        theta.forecast(y[-theta.MAX_HISTORY :], task, engine),
        arima.forecast(y[-arima.MAX_HISTORY :], task, engine),
    ]
    return median([point for point, _ in answers]), median([quantiles for _, quantiles in answers])


def median(answers: Sequence[FloatArray]) -> FloatArray:
    """The median over models of arrays of one shape; ascending quantiles stay so."""
    return np.asarray(np.median(np.stack(answers), axis=0))
