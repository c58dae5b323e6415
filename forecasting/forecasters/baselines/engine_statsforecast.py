"""The engine statsforecast: its compiled exponential smoothing, and AutoARIMA."""

import numpy as np
from statsforecast.arima import auto_arima_f, forecast_arima
from statsforecast.ets import etsmodel, pegelsfcast_C

from forecasting.forecasters.baselines.engine import Smoothing, Trend
from forecasting.series.arrays.series_arrays import FloatArray

_ONE_SIGMA = 68.26894921370858  # percent of a normal within one standard deviation
_MOST_ITERATIONS = 2000  # of Nelder-Mead, its default
_LOWEST = np.array([1e-4, 1e-4, 1e-4, 0.8])  # alpha, beta, gamma, phi: its defaults
_HIGHEST = np.array([0.9999, 0.9999, 0.9999, 0.98])


def smooth(x: FloatArray, trend: Trend, m: int) -> Smoothing | None:
    """One additive form, started from a decomposition and fitted by Nelder-Mead."""
    free = (np.nan,) * 4
    limits = (_LOWEST.copy(), _HIGHEST.copy())
    form = ("A", "N" if trend == "none" else "A", "A" if m > 1 else "N", trend == "damped")
    try:
        fit = etsmodel(x, m, *form, *free, *limits, "lik", 3, "both", _MOST_ITERATIONS)
    except (ValueError, ArithmeticError, IndexError):
        return None
    if "states" not in fit or not np.isfinite(fit["residuals"]).all():
        return None
    alpha, beta, gamma, phi = (float(value) for value in fit["par"][:4])
    return Smoothing(
        alpha=alpha,
        beta=0.0 if trend == "none" else beta,
        gamma=gamma if m > 1 else 0.0,
        phi=phi if trend == "damped" else 1.0,
        errors_T=np.asarray(fit["residuals"], dtype=float),
        ahead=lambda horizon: np.asarray(pegelsfcast_C(horizon, fit), dtype=float),
    )


def arima(x: FloatArray, m: int, horizon: int) -> tuple[FloatArray, FloatArray]:
    """AutoARIMA with its defaults; the standard deviation is that of its state space form."""
    try:
        model = auto_arima_f(x, period=m)
        ahead = forecast_arima(model, horizon, level=(_ONE_SIGMA,))
    except (ValueError, ArithmeticError, IndexError) as error:
        raise ValueError(f"no orders of an ARIMA could be fitted ({error})") from None
    mean_H = np.asarray(ahead["mean"], dtype=float)
    return mean_H, np.asarray(ahead["upper"], dtype=float).reshape(horizon) - mean_H
