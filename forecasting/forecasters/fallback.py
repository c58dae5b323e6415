"""Forecasts without holes: what a forecaster could not serve comes from a simple baseline, and the row says so.

A season that was never seen whole leaves the naive forecast, which needs one observation.
"""

from dataclasses import replace

import numpy as np

from forecasting.errors import unknown
from forecasting.forecasters.baselines import BASELINES, BaselineSettings
from forecasting.forecasters.local import LocalForecaster
from forecasting.forecasters.protocol import Forecast, Forecaster, Progress, no_progress
from forecasting.series.arrays import Origins, SeriesArrays

LAST_RESORT = "naive"


def forecast_with_fallback(
    forecaster: Forecaster, fallback_kind: str, arrays: SeriesArrays, origins: Origins, on_progress: Progress
) -> Forecast:
    """The forecast of every origin, y clipped at 0 where the task says so; progress is the forecaster's own.

    `fallback` holds, for rows that the forecaster could not serve, "REASON; forecast by BASELINE". `failed` stays set
    only for an origin before which nothing was observed. InputError for an unknown `fallback_kind`.
    """
    if fallback_kind not in BASELINES:
        raise unknown("the fallback", fallback_kind, list(BASELINES), "prediction.fallback")
    forecast = _without_holes(forecaster.forecast(arrays, origins, on_progress))
    for kind in dict.fromkeys((fallback_kind, LAST_RESORT)):
        failed = np.flatnonzero(forecast.failed != None)  # noqa: E711 - elementwise
        if len(failed) == 0:
            break
        simple = LocalForecaster(BaselineSettings(kind), forecaster.task).forecast(
            arrays, origins.take(failed), no_progress
        )
        for position, i in enumerate(failed):
            if simple.failed[position] is None:
                forecast.y_hat[i], forecast.quantiles[i] = simple.y_hat[position], simple.quantiles[position]
                forecast.fallback[i] = f"{forecast.failed[i]}; forecast by {kind}"
                forecast.failed[i] = None
    if not forecaster.task.non_negative:
        return forecast
    return replace(forecast, y_hat=np.maximum(forecast.y_hat, 0.0), quantiles=np.maximum(forecast.quantiles, 0.0))


def _without_holes(forecast: Forecast) -> Forecast:
    """A copy in which a row that holds a non-finite value counts as failed."""
    holes = ~(np.isfinite(forecast.y_hat).all(axis=1) & np.isfinite(forecast.quantiles).all(axis=(1, 2)))
    copy = replace(
        forecast,
        y_hat=forecast.y_hat.copy(),
        quantiles=forecast.quantiles.copy(),
        failed=forecast.failed.copy(),
        fallback=forecast.fallback.copy(),
    )
    for i in np.flatnonzero(holes):
        if copy.failed[i] is None:
            copy.failed[i] = "the forecaster gave a non-finite forecast"
    return copy
