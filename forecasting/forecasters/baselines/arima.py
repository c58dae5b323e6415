"""Seasonal ARIMA with automatic orders (Hyndman & Khandakar 2008); seasons longer than 12 are taken out by STL first.

Engine statsmodels: D by the strength of the season, d by KPSS tests, (p, q) up to 2 and (P, Q) up to 1 by AICc of quick
fits (see `orders`). Engine statsforecast: its AutoARIMA. Intervals are those of the state space model.
"""

from functools import partial

import numpy as np

from forecasting.forecasters.baselines.engine import Engine
from forecasting.forecasters.baselines.long_season import around_long_season
from forecasting.forecasters.baselines.normal import normal_forecast
from forecasting.forecasters.baselines.row import Baseline, at_least
from forecasting.forecasters.protocol import Task
from forecasting.series.arrays.series_arrays import FloatArray

_LONGEST_SEASON = 12  # a longer one goes through STL


def arima(y: FloatArray, task: Task, engine: Engine) -> tuple[FloatArray, FloatArray]:
    """Forecast (H,) and normal quantiles (H, Q) of a history (T,); ValueError where no orders fit."""
    return around_long_season(y, task, _LONGEST_SEASON, partial(_forecast, task=task, engine=engine))


def _forecast(x: FloatArray, m: int, task: Task, engine: Engine) -> tuple[FloatArray, FloatArray]:
    loc, scale = float(np.mean(x)), float(np.std(x))
    mean_H, sigma_H = engine.arima((x - loc) / scale, m, task.horizon)
    return normal_forecast(loc + scale * mean_H, scale * sigma_H, task)


ARIMA: dict[str, Baseline] = {
    "arima": Baseline(
        at_least(10),  # enough for the smallest orders after a difference
        "seasonal ARIMA, automatic orders; STL before it where the season exceeds 12",
        "state space forecast variance, normal",
        forecast=arima,
        engines={"statsmodels": 0.06, "statsforecast": 0.5},
        max_history=500,  # bounds the filter, whose state holds more than a season
    ),
}
