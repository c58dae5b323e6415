"""The median of ets, theta and arima, point by point and quantile by quantile; needs all three."""

from collections.abc import Sequence

import numpy as np

from forecasting.forecasters.baselines import arima, ets, theta
from forecasting.forecasters.protocol import Task
from forecasting.series.arrays import FloatArray

MEMBERS = ("ets", "theta", "arima")


def min_history(task: Task) -> int:
    """As many observations as the most demanding of the three."""
    return max(ets.min_history(task), theta.min_history(task), arima.min_history(task))


def median(answers: Sequence[FloatArray]) -> FloatArray:
    """The median over models of arrays of one shape; ascending quantiles stay so."""
    return np.asarray(np.median(np.stack(answers), axis=0))
