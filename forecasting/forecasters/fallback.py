"""Forecasts without holes: what a forecaster could not serve comes from a simple baseline, and the row says so.

A season that was never seen whole leaves the naive forecast, which needs one observation.
"""

from dataclasses import replace

import numpy as np

from forecasting.errors import unknown
from forecasting.forecasters.baselines.forecaster import LocalForecaster
from forecasting.forecasters.baselines.settings import BaselineSettings
from forecasting.forecasters.baselines.table import BASELINES
from forecasting.forecasters.protocol import CanForecast, Forecast, failed_forecast, no_progress
from forecasting.processes import Progress
from forecasting.series.arrays.series_arrays import Origins, SeriesArrays
from forecasting.series.arrays.unlearnable import Reasons, unlearnable

LAST_RESORT = "naive"


def forecast_with_fallback(
    forecaster: CanForecast,
    fallback_kind: str,
    arrays: SeriesArrays,
    origins: Origins,
    on_progress: Progress,
    declined: Reasons | None = None,
) -> Forecast:
    """The forecast of every origin, y clipped at 0 where the task says so; progress is the forecaster's own.

    `fallback` holds, for rows that the forecaster could not serve, "REASON; forecast by BASELINE". `failed` stays set
    only for an origin before which nothing was observed. `declined` (O,) says of which origins the forecaster is not asked,
    and why. A network is never asked of a history that is constant or stale. InputError for an unknown `fallback_kind`.
    """
    if fallback_kind not in BASELINES:
        raise unknown("the fallback", fallback_kind, list(BASELINES), "prediction.fallback")
    forecast = _without_holes(_asked(forecaster, arrays, origins, on_progress, declined))
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


def _asked(
    forecaster: CanForecast, arrays: SeriesArrays, origins: Origins, on_progress: Progress, declined: Reasons | None
) -> Forecast:
    """The forecaster's own forecast of the origins that are left to it; the others fail with their reason."""
    reasons = np.full(len(origins), None, dtype=object) if declined is None else declined
    if not isinstance(forecaster, LocalForecaster):
        reasons = np.where(reasons == None, unlearnable(arrays, origins), reasons)  # noqa: E711 - elementwise
    able = np.flatnonzero(reasons == None)  # noqa: E711 - elementwise
    if len(able) == len(origins):
        return forecaster.forecast(arrays, origins, on_progress)
    whole = failed_forecast(len(origins), forecaster.task, "")
    whole.failed[:] = reasons
    if len(able):
        part = forecaster.forecast(arrays, origins.take(able), on_progress)
        for name in ("y_hat", "quantiles", "failed", "fallback"):
            getattr(whole, name)[able] = getattr(part, name)
    return whole


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
