"""The Theta method (Assimakopoulos & Nikolopoulos 2000): exponential smoothing with half the slope of the trend line.

The season is taken out as in the M-competitions. The intervals are those of smoothing with drift, to which the method is
equal (Hyndman & Billah 2003): sigma_h = sigma * sqrt(1 + (h - 1) alpha^2), times the seasonal index.
"""

import numpy as np

from forecasting.forecasters.baselines.decomposition import deseasonalise
from forecasting.forecasters.baselines.engine import Engine
from forecasting.forecasters.baselines.normal import is_constant, normal_forecast
from forecasting.forecasters.baselines.row import Baseline, at_least
from forecasting.forecasters.baselines.smoothing import Form, fit_form
from forecasting.forecasters.protocol import Task
from forecasting.series.arrays.series_arrays import FloatArray

_N_PARAMETERS = 3  # initial level, weight, slope


def theta(y: FloatArray, task: Task, engine: Engine) -> tuple[FloatArray, FloatArray]:
    """Forecast (H,) and normal quantiles (H, Q) of a history (T,); ValueError where there is none."""
    adjusted_T, season = deseasonalise(y, task.season_length)
    if is_constant(adjusted_T, y):
        mean_H, sigma_H = np.full(task.horizon, adjusted_T[-1]), np.zeros(task.horizon)
    else:
        mean_H, sigma_H = _smoothing_with_drift(adjusted_T, task.horizon, engine)
    _, quantiles_HQ = normal_forecast(mean_H, sigma_H, task)
    return season.restore(mean_H), season.restore(quantiles_HQ)


def _smoothing_with_drift(x: FloatArray, horizon: int, engine: Engine) -> tuple[FloatArray, FloatArray]:
    """Mean and standard deviation (H,) of a series (T,) without a season."""
    fitted = fit_form(x, Form("none"), engine)
    if fitted is None:
        raise ValueError("exponential smoothing could not be fitted")
    T, alpha = len(x), fitted.smoothing.alpha
    steps_T = np.arange(T) - (T - 1) / 2
    drift = 0.5 * float(np.dot(steps_T, x) / np.dot(steps_T, steps_T))
    # What a level that knows no drift lags behind after t steps: drift * (1 - (1 - alpha)^t) / alpha
    lag = drift * (1 - (1 - alpha) ** np.arange(T + 1)) / alpha
    errors_T = fitted.scale * fitted.smoothing.errors_T - lag[:-1]
    sigma = np.sqrt(np.dot(errors_T, errors_T) / (T - _N_PARAMETERS))
    h = np.arange(horizon)
    return fitted.mean(horizon) + drift * h + lag[-1], sigma * np.sqrt(1 + h * alpha**2)


THETA: dict[str, Baseline] = {
    "theta": Baseline(
        at_least(5),  # three parameters, and two errors more for the spread
        "the Theta method, deseasonalised where a test finds a season",
        "analytic variance of smoothing with drift, normal, times the seasonal index",
        forecast=theta,
        engines={"statsforecast": 0.0006, "statsmodels": 0.005},
        max_history=2000,  # bounds the seconds of a fit
    ),
}
