"""The engine statsmodels: ETSModel for exponential smoothing; ARIMA with orders of our own search, filtered by SARIMAX."""

import numpy as np
from statsmodels.tsa.exponential_smoothing.ets import ETSModel

from forecasting.forecasters.baselines.engine import Smoothing, Trend
from forecasting.forecasters.baselines.orders import arima
from forecasting.series.arrays.series_arrays import FloatArray

__all__ = ["arima", "smooth"]

_MOST_ITERATIONS = 300  # of L-BFGS; half of the fits end before 30


def smooth(x: FloatArray, trend: Trend, m: int) -> Smoothing | None:
    """One additive form by ETSModel, initial states estimated with the weights."""
    model_trend = None if trend == "none" else "add"
    try:
        model = ETSModel(
            x,
            trend=model_trend,
            damped_trend=trend == "damped",
            seasonal="add" if m > 1 else None,
            seasonal_periods=m if m > 1 else None,
        )
        fit = model.fit(disp=False, maxiter=_MOST_ITERATIONS)
    except (ValueError, np.linalg.LinAlgError, FloatingPointError, ZeroDivisionError):
        return None
    return Smoothing(
        alpha=float(fit.smoothing_level),
        beta=float(fit.smoothing_trend) if model_trend else 0.0,
        gamma=float(fit.smoothing_seasonal) if m > 1 else 0.0,
        phi=float(fit.damping_trend) if trend == "damped" else 1.0,
        errors_T=np.asarray(fit.resid, dtype=float),
        ahead=lambda horizon: np.asarray(fit.forecast(horizon), dtype=float),
    )
