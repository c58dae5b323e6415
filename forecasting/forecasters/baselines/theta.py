"""The Theta method (Assimakopoulos & Nikolopoulos 2000): exponential smoothing with half the slope of the trend line.

statsmodels' ThetaModel fits it, taking the season out where its autocorrelation test finds one (multiplicatively where
all values are positive). Its own intervals are not used: they estimate sigma on the series with its season still in,
and grow by 1 + (alpha - 1)^2 per step where the model says alpha^2 (Hyndman & Billah 2003); here both are done as the
model says.
"""

import warnings

import numpy as np
from scipy.signal import lfilter
from statsmodels.tsa.forecasting.theta import ThetaModel

from forecasting.forecasters.baselines._normal import constant_forecast, is_constant, normal_forecast, require_finite
from forecasting.forecasters.protocol import Task
from forecasting.series.arrays import FloatArray

MAX_HISTORY = 2000  # newest observations used: bounds the seconds of a fit


def min_history(task: Task) -> int:  # noqa: ARG001
    """Five observations: four one-step errors for the slope, the smoothing weight and the spread."""
    return 5


def forecast(y: FloatArray, task: Task) -> tuple[FloatArray, FloatArray]:
    """Forecast (H,) and normal quantiles (H, Q) of a history (T,) without gaps; ValueError where there is none."""
    require_finite(y)
    if len(y) < min_history(task):
        raise ValueError(f"needs at least {min_history(task)} observations, got {len(y)}")
    if is_constant(y):
        return constant_forecast(y, task)
    m, scale = task.season_length, float(np.mean(np.abs(y)))
    seasonal = m > 1 and len(y) >= 2 * m
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        model = ThetaModel(y / scale, period=m if seasonal else 1, deseasonalize=seasonal)
        fit = model.fit()
        mean_H = np.asarray(fit.forecast(task.horizon))
        season_P = np.asarray(fit.forecast_components(max(m, task.horizon)).seasonal)  # the phases that follow y
        slope, alpha = (float(p) for p in fit.params)
        multiplicative = model.method.startswith("mul")
        phase_T = np.arange(-len(y), 0) % m if seasonal else np.zeros(len(y), dtype=np.int64)
        adjusted_T = y / scale / season_P[phase_T] if multiplicative else y / scale - season_P[phase_T]
        sigma_H = _sigma(adjusted_T, slope, alpha) * np.sqrt(1 + np.arange(task.horizon) * alpha**2)
        if multiplicative:
            sigma_H = sigma_H * season_P[: task.horizon]
        return normal_forecast(scale * mean_H, scale * sigma_H, task)


def _sigma(x: FloatArray, slope: float, alpha: float) -> float:
    """Standard deviation of the one-step errors on the adjusted series (T,); two parameters were fitted."""
    level_T, _ = lfilter([alpha], [1, alpha - 1], x, zi=[(1 - alpha) * x[0]])
    n_seen = np.arange(1, len(x))
    trend = slope / 2 * (1 - (1 - alpha) ** n_seen) / alpha if alpha > 0 else 0.0
    errors = x[1:] - level_T[:-1] - trend
    return float(np.sqrt(np.dot(errors, errors) / (len(errors) - 2)))
