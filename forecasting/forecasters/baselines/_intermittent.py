"""Intermittent demand (many zeros, now and then a value): smoothed sizes, intervals and probabilities of demand.

All smoothing starts at the first value and has weight 0.1, as is usual. A rate is known after each period; its errors one
period later give the quantiles, for no normal distribution fits such series. They are the same at each step.
"""

import numpy as np
import scipy  # scipy.signal loads scipy.stats, a second: on its first use, in the process that forecasts

from forecasting.forecasters.protocol import Task
from forecasting.series.arrays import FloatArray

_WEIGHT = 0.1


def smoothed(x: FloatArray) -> FloatArray:
    """Exponentially weighted mean after each value; (n,)."""
    level, _ = scipy.signal.lfilter([_WEIGHT], [1, _WEIGHT - 1], x, zi=[(1 - _WEIGHT) * x[0]])
    return np.asarray(level)


def croston_rates(y: FloatArray) -> FloatArray:
    """Demand per period as known after each period, by Croston (1972); (T,), NaN before the first demand."""
    demands = np.flatnonzero(y)
    rates = smoothed(y[demands]) / smoothed(np.diff(demands, prepend=-1).astype(float))
    newest = np.cumsum(y != 0) - 1
    return np.where(newest >= 0, rates[newest], np.nan)


def tsb_rates(y: FloatArray) -> FloatArray:
    """The same by Teunter, Syntetos & Babai (2011): the probability of demand is smoothed in every period."""
    sizes = smoothed(y[np.flatnonzero(y)])
    newest = np.cumsum(y != 0) - 1
    return np.where(newest >= 0, sizes[newest], np.nan) * smoothed((y != 0).astype(float))


def flat_forecast(y: FloatArray, rates_T: FloatArray, task: Task) -> tuple[FloatArray, FloatArray]:
    """The newest rate over the horizon (H,), and it plus the quantiles of its in-sample errors (H, Q).

    No quantile is below 0 where no value was.
    """
    errors = (y[1:] - rates_T[:-1])[np.isfinite(rates_T[:-1])]
    quantiles_Q = np.full(len(task.quantile_levels), rates_T[-1])
    if len(errors):
        quantiles_Q = quantiles_Q + np.quantile(errors, task.quantile_levels)
    if y.min() >= 0:
        quantiles_Q = np.maximum(quantiles_Q, 0.0)
    return np.full(task.horizon, rates_T[-1]), np.tile(quantiles_Q, (task.horizon, 1))
