"""Long seasons (weekly or hourly data): taken out by STL, forecast by the seasonal naive, put back (`stlf`).

A model with a state per phase of a season of 52 is slow and weak, so the non-seasonal model forecasts the adjusted
series.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from forecasting.forecasters.baselines.normal import is_constant, normal_forecast
from forecasting.forecasters.protocol import Task
from forecasting.series.arrays.series_arrays import FloatArray

_WINDOW = 11  # seasons over which STL smooths each phase, as forecast::stlf does

Model = Callable[[FloatArray, int], tuple[FloatArray, FloatArray]]  # series (T,), its season -> as a baseline


def around_long_season(y: FloatArray, task: Task, longest: int, model: Model) -> tuple[FloatArray, FloatArray]:
    """`model`'s forecast of the series, its season taken out before and put back where it is longer than `longest`."""
    adjusted_T, season_H, m = remove_season(y, task, longest)
    if is_constant(adjusted_T, y):
        return normal_forecast(np.full(task.horizon, adjusted_T[-1]) + season_H, np.zeros(task.horizon), task)
    y_hat, quantiles_HQ = model(adjusted_T, m)
    return y_hat + season_H, quantiles_HQ + season_H[:, None]


def remove_season(y: FloatArray, task: Task, longest: int) -> tuple[FloatArray, FloatArray, int]:
    """Splits off the season where it is longer than `longest` and seen twice.

    Returns the series to model (T,), the season to add to its forecast (H,), and the season length left to model.
    """
    m = task.season_length
    if m <= longest:
        return y, np.zeros(task.horizon), m
    if len(y) < 2 * m:
        return y, np.zeros(task.horizon), 1
    season_T = np.asarray(_decomposed(y, m).seasonal)
    return y - season_T, season_T[-m:][np.arange(task.horizon) % m], 1


def seasonal_strength(y: FloatArray, m: int) -> float:
    """Share of the detrended variance that the season explains, 0..1 (fpp3, section 4.3); `y` must hold two seasons."""
    parts = _decomposed(y, m)
    season, rest = np.asarray(parts.seasonal), np.asarray(parts.resid)
    return float(max(0.0, 1.0 - np.var(rest) / max(float(np.var(season + rest)), np.finfo(float).tiny)))


def _decomposed(y: FloatArray, m: int) -> Any:
    """Imported here: it takes two seconds, and every command and every worker of networks reads the table of baselines."""
    from statsmodels.tsa.seasonal import STL

    return STL(y, period=m, seasonal=_WINDOW).fit()
