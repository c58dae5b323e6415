"""What every forecaster is, network or baseline: fit on what was known, forecast from origins, save, load."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import polars as pl

from forecasting.processes import Progress
from forecasting.schema import CUTOFF, DS, FALLBACK, STEP, UNIQUE_ID, Y_HAT, quantile_columns
from forecasting.series.arrays.series_arrays import FloatArray, Origins, SeriesArrays


@dataclass(frozen=True)
class Task:
    """What is asked of a forecaster: `horizon` steps, ascending `quantile_levels` with 0.5 among them."""

    horizon: int
    quantile_levels: tuple[float, ...]
    season_length: int
    non_negative: bool = False


@dataclass(frozen=True)
class FitReport:
    """What a fit tells: seconds, steps, `history` rows {step, train_loss, valid_loss, ...}, the best validation loss and step.

    `profiles`: rows {step, effective_memory, stride, profile} of the gradient through time, the last one of what is kept.
    """

    seconds: float = 0.0
    best_step: int = 0
    best_loss: float | None = None
    history: list[dict[str, float]] = field(default_factory=list)
    notes: dict[str, Any] = field(default_factory=dict)
    profiles: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True)
class Forecast:
    """Forecasts from O origins in the original unit; rows a forecaster cannot serve are NaN with a reason in `failed`."""

    y_hat: FloatArray  # (O, H)
    quantiles: FloatArray  # (O, H, Q), ascending along Q
    failed: npt.NDArray[np.object_]  # (O,) None, or why there is no forecast
    fallback: npt.NDArray[np.object_]  # (O,) None, or why the fallback made this row
    seconds: float | None = None  # of computing, also what was done in earlier calls; null: as long as the call took


class CanForecast(Protocol):
    """What can be asked for forecasts: all that serving without holes needs."""

    task: Task

    def forecast(self, arrays: SeriesArrays, origins: Origins, on_progress: Progress) -> Forecast:
        """Forecast the horizon after each origin from rows up to it."""
        ...


class Forecaster(Protocol):
    """One forecaster; after `fit` or `load` it can forecast any origin of any series, also ones it has not seen."""

    name: str
    task: Task

    def fit(self, arrays: SeriesArrays, until: Origins, inner: Origins, on_progress: Progress) -> FitReport:
        """Learn from rows up to `until` (one origin per series); `inner` are the cutoffs for early stopping, may be empty."""
        ...

    def forecast(self, arrays: SeriesArrays, origins: Origins, on_progress: Progress) -> Forecast:
        """Forecast the horizon after each origin from rows up to it."""
        ...

    def save(self, folder: Path) -> None:
        """Write the complete state: safetensors and JSON, no pickle."""
        ...


def no_progress(done: int, total: int, text: str) -> None:
    """For callers that show nothing."""


def failed_forecast(n_origins: int, task: Task, reason: str) -> Forecast:
    """A forecast in which every row has failed for one reason."""
    nothing = np.full((n_origins, task.horizon), np.nan)
    return Forecast(
        nothing,
        np.repeat(nothing[..., None], len(task.quantile_levels), axis=2),
        np.full(n_origins, reason, dtype=object),
        np.full(n_origins, None, dtype=object),
    )


def to_frame(forecast: Forecast, arrays: SeriesArrays, origins: Origins, task: Task) -> pl.DataFrame:
    """The forecast as rows of the ForecastTable, sorted by (unique_id, cutoff, ds); failed origins are an error here."""
    if any(reason is not None for reason in forecast.failed):
        raise ValueError("a forecast with failed origins must pass the fallback before it becomes a table")
    O, H = forecast.y_hat.shape
    ids = pl.Series(UNIQUE_ID, arrays.ids, dtype=pl.String).gather(np.repeat(origins.series, H))
    quantiles = forecast.quantiles.reshape(O * H, -1)
    return pl.DataFrame(
        {
            UNIQUE_ID: ids,
            CUTOFF: arrays.ds.gather(np.repeat(origins.row, H)),
            DS: arrays.future_ds(origins, H),
            STEP: np.tile(np.arange(1, H + 1, dtype=np.int64), O),
            Y_HAT: forecast.y_hat.ravel(),
            **{c: quantiles[:, i] for i, c in enumerate(quantile_columns(task.quantile_levels))},
            FALLBACK: pl.Series(list(np.repeat(forecast.fallback, H)), dtype=pl.String),
        }
    ).sort(UNIQUE_ID, CUTOFF, DS)


def write_state_file(folder: Path, values: Mapping[str, Any]) -> None:
    """Write folder/forecaster.json, the old or the new one whole even when the machine stops; makes the folder.

    ValueError for NaN and infinities, which JSON does not have.
    """
    folder.mkdir(parents=True, exist_ok=True)
    unfinished = folder / f"forecaster.json.{os.getpid()}.tmp"
    with unfinished.open("w", encoding="utf-8") as file:
        file.write(json.dumps(values, indent=2, sort_keys=True, allow_nan=False) + "\n")
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(folder / "forecaster.json")
