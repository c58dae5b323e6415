"""Exponential smoothing, form by AICc: trend none, additive or damped; season none, additive or multiplicative.

The multiplicative season is the additive model of log(y), tried where all values are positive: its AICc is corrected
by the Jacobian, its quantiles are exponentials of normal ones. So all quantiles are analytic (Hyndman, Koehler, Ord &
Snyder 2008, section 6.3), nothing is simulated. Seasons longer than 12 are taken out by STL first.
"""

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from statsmodels.tsa.exponential_smoothing.ets import ETSModel

from forecasting.forecasters.baselines._normal import constant_forecast, is_constant, normal_forecast, require_finite
from forecasting.forecasters.baselines._seasonal import remove_season
from forecasting.forecasters.protocol import Task
from forecasting.series.arrays import FloatArray

MAX_HISTORY = 1000  # newest observations used: bounds the seconds of a fit
LONGEST_SEASON = (
    12  # a longer one goes through STL: at 24 that was 30 times faster than a state per phase, and more accurate
)

_WIDEST = (
    50.0  # largest over smallest value up to which log(y) is tried: beyond it the exponentials of its quantiles explode
)

_TRENDS = {"none": (None, False), "additive": ("add", False), "damped": ("add", True)}


@dataclass(frozen=True)
class _Fit:
    """One fitted form on the standardised scale z = (x - loc) / scale, where x is y or log(y)."""

    aicc: float
    log: bool
    seasonal: bool
    loc: float
    scale: float
    n_parameters: int
    results: Any


def min_history(task: Task) -> int:  # noqa: ARG001
    """Eight observations: the damped trend has six parameters, and AICc needs two observations more."""
    return 8


def forecast(y: FloatArray, task: Task) -> tuple[FloatArray, FloatArray]:
    """Forecast (H,) and quantiles (H, Q) of a gap-free history (T,); y_hat is the median. ValueError if none fits."""
    require_finite(y)
    if len(y) < min_history(task):
        raise ValueError(f"needs at least {min_history(task)} observations, got {len(y)}")
    if is_constant(y):
        return constant_forecast(y, task)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        adjusted, season_H, m = remove_season(y, task, LONGEST_SEASON)
        if is_constant(adjusted, y):
            return normal_forecast(np.full(task.horizon, adjusted[-1]) + season_H, np.zeros(task.horizon), task)
        best = _best_form(adjusted, m)
        mean_H = best.loc + best.scale * np.asarray(best.results.forecast(task.horizon))
        sigma_H = best.scale * _sigma(best, m, task.horizon)
        y_hat, quantiles_HQ = normal_forecast(mean_H, sigma_H, task)
        if best.log:
            y_hat, quantiles_HQ = np.exp(y_hat), np.exp(quantiles_HQ)
        if not np.isfinite(quantiles_HQ).all():
            raise ValueError("the model gave a non-finite forecast")
        return y_hat + season_H, quantiles_HQ + season_H[:, None]


def _best_form(y: FloatArray, m: int) -> _Fit:
    """The form of the smallest AICc; the season is chosen first, without a trend, then the trend with that season."""
    seasons = [(False, False)]
    if m > 1 and len(y) >= 2 * m + 5:
        seasons += [(True, False)] + ([(True, True)] if 0 < y.max() <= _WIDEST * y.min() else [])
    fits = [fit for seasonal, log in seasons if (fit := _fit(y, m, "none", seasonal, log))]
    if fits:
        best = min(fits, key=lambda fit: fit.aicc)
        trends = [_fit(y, m, trend, best.seasonal, best.log) for trend in ("additive", "damped")]
        fits += [fit for fit in trends if fit]
    if not fits:
        raise ValueError("no form of exponential smoothing could be fitted")
    return min(fits, key=lambda fit: fit.aicc)


def _fit(y: FloatArray, m: int, trend: str, seasonal: bool, log: bool) -> _Fit | None:
    """One form fitted by maximum likelihood; None where it has too many parameters for T or could not be fitted."""
    T = len(y)
    added, damped = _TRENDS[trend]
    k = 3 + 2 * (added is not None) + damped + (m if seasonal else 0)  # smoothing weights, initial states, variance
    if k + 2 > T:
        return None
    x = np.log(y) if log else y
    loc, scale = float(np.mean(x)), float(np.std(x))
    try:
        results = ETSModel(
            (x - loc) / scale,
            trend=added,
            damped_trend=damped,
            seasonal="add" if seasonal else None,
            seasonal_periods=m if seasonal else None,
        ).fit(disp=False)
    except (ValueError, np.linalg.LinAlgError, FloatingPointError, ZeroDivisionError):
        return None
    likelihood = results.llf - T * np.log(scale) - (np.sum(x) if log else 0.0)
    aicc = -2 * likelihood + 2 * k * T / (T - k - 1)
    return None if np.isnan(aicc) else _Fit(float(aicc), log, seasonal, loc, scale, k, results)


def _sigma(fit: _Fit, m: int, horizon: int) -> FloatArray:
    """Standard deviation h steps ahead on the standardised scale (H,): sigma^2 * (1 + c_1^2 + ... + c_{h-1}^2)."""
    results, j = fit.results, np.arange(1, horizon)
    errors = np.asarray(results.resid)
    c = np.full(horizon - 1, float(results.smoothing_level))
    if results.has_trend:
        phi = float(results.damping_trend) if results.damped_trend else 1.0
        c += float(results.smoothing_trend) * np.cumsum(phi**j)
    if fit.seasonal:
        c += float(results.smoothing_seasonal) * (j % m == 0)
    # The variance is one of the k parameters, so T - k + 1 degrees of freedom are left to estimate it.
    variance = np.dot(errors, errors) / (len(errors) - fit.n_parameters + 1)
    return np.asarray(np.sqrt(variance * np.concatenate([[1.0], 1.0 + np.cumsum(c**2)])))
