"""Forecasts of a sample by a process that has just loaded the state: what the gate compares with the backtest's."""

from dataclasses import dataclass

import polars as pl

from forecasting.forecasters.fallback import forecast_with_fallback
from forecasting.forecasters.protocol import no_progress, to_frame
from forecasting.forecasters.saved import SavedState, load_forecaster
from forecasting.processes import Progress
from forecasting.series.arrays.dataset import Dataset
from forecasting.series.arrays.series_arrays import Origins
from forecasting.stages.jobs.arrays import arrays_of


@dataclass(frozen=True, kw_only=True)
class ReloadJob:
    """Load a state and forecast a sample; never found again, since it is asked whether that works now."""

    state: SavedState
    dataset: Dataset
    origins: Origins
    fallback: str
    device: str


def reload(job: ReloadJob, _: Progress) -> pl.DataFrame:
    """The forecasts of a sample, as rows of the ForecastTable."""
    forecaster = load_forecaster(job.state.folder, job.device)
    arrays = arrays_of(job.dataset)
    forecast = forecast_with_fallback(forecaster, job.fallback, arrays, job.origins, no_progress)
    return to_frame(forecast, arrays, job.origins, forecaster.task)
