"""Intermittent demand (many zeros, now and then a value): smoothed sizes, intervals and probabilities of demand.

All smoothing starts at the first value and has weight 0.1, as is usual. A rate is known after each period; its errors one
period later give the quantiles, for no normal distribution fits such series. They are the same at each step.
"""

import numpy as np
import scipy  # scipy.signal loads scipy.stats, a second: on its first use, in the process that forecasts

from forecasting.forecasters.baselines.engine import Engine
from forecasting.forecasters.baselines.row import Baseline, at_least
from forecasting.forecasters.protocol import Task
from forecasting.series.arrays.series_arrays import FloatArray

_WEIGHT = 0.1
_LESS_BIAS = 0.95  # of sba: 1 - weight / 2


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


def croston(y: FloatArray, task: Task, engine: Engine) -> tuple[FloatArray, FloatArray]:  # noqa: ARG001
    """Croston's method (1972): smoothed size over smoothed interval, constant over the horizon."""
    return flat_forecast(y, croston_rates(y), task)


def sba(y: FloatArray, task: Task, engine: Engine) -> tuple[FloatArray, FloatArray]:  # noqa: ARG001
    """Croston's method less its bias (Syntetos & Boylan 2005)."""
    return flat_forecast(y, _LESS_BIAS * croston_rates(y), task)


def tsb(y: FloatArray, task: Task, engine: Engine) -> tuple[FloatArray, FloatArray]:  # noqa: ARG001
    """Teunter, Syntetos & Babai (2011), for demand that may die out: size times probability of demand."""
    return flat_forecast(y, tsb_rates(y), task)


_ENOUGH = at_least(2)  # one error, from which the spread is known
_EMPIRICAL = "empirical, of the in-sample errors"
INTERMITTENT: dict[str, Baseline] = {
    "croston": Baseline(_ENOUGH, "Croston's method for intermittent demand", _EMPIRICAL, "residuals", forecast=croston),
    "sba": Baseline(
        _ENOUGH, "Croston's method less its bias (Syntetos & Boylan)", _EMPIRICAL, "residuals", forecast=sba
    ),
    "tsb": Baseline(
        _ENOUGH,
        "Teunter, Syntetos & Babai: intermittent demand that may die out",
        _EMPIRICAL,
        "residuals",
        forecast=tsb,
    ),
}
