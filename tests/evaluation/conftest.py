"""Small arrays by hand, and a forecaster that is a function: what the tests of evaluation stand on."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from forecasting.forecasters.protocol import FitReport, Forecast, Task
from forecasting.processes import Progress
from forecasting.series.arrays.series_arrays import FloatArray, Origins, SeriesArrays, observed


def make_arrays(
    series: Mapping[str, Sequence[float | None]], horizon: int, fill: str = "interpolate", season_length: int = 1
) -> SeriesArrays:
    """Series laid end to end with integer `ds` (the position in its list), each from its first observed value on.

    `None` is unobserved; `horizon` rows without y follow the end of each list. One past covariate: 100 + y, else 0.
    """
    y, ds, offsets = [], [], [0]
    for values in series.values():
        first = next(i for i, value in enumerate(values) if value is not None)
        rows = [np.nan if value is None else float(value) for value in values[first:]] + [np.nan] * horizon
        y += rows
        ds += range(first, first + len(rows))
        offsets.append(len(y))
    flat, ends = np.array(y), np.array(offsets, dtype=np.int64)
    return SeriesArrays(
        list(series),
        ends,
        pl.Series("ds", ds, dtype=pl.Int64),
        flat,
        *observed(flat, ends, fill, season_length),
        static_numeric=np.zeros((len(series), 0)),
        static_categories=np.empty((len(series), 0), dtype=object),
        past=np.nan_to_num(100 + flat)[:, None],
        known_future=np.zeros((len(flat), 0)),
        names={"static_numeric": [], "static_categories": [], "past": ["temperature"], "known_future": []},
        fill=fill,
        season_length=season_length,
    )


def origins_at(arrays: SeriesArrays, *places: tuple[str, int]) -> Origins:
    """Origins at (unique_id, ds); windows are numbered per series in the order given."""
    series = [arrays.ids.index(name) for name, _ in places]
    rows = [
        int(arrays.offsets[s]) + ds - arrays.ds[int(arrays.offsets[s])]
        for s, (_, ds) in zip(series, places, strict=True)
    ]
    windows = [series[:i].count(s) for i, s in enumerate(series)]
    return Origins(np.array(series, dtype=np.int64), np.array(rows, dtype=np.int64), np.array(windows, dtype=np.int64))


@dataclass
class FunctionForecaster:
    """A forecaster whose point forecast of one origin is a function of (arrays, series, row); quantiles lie 1 apart."""

    function: Callable[[SeriesArrays, int, int], FloatArray]
    task: Task
    name: str = "function"

    def fit(self, arrays: SeriesArrays, until: Origins, inner: Origins, on_progress: Progress) -> FitReport:
        return FitReport()

    def forecast(self, arrays: SeriesArrays, origins: Origins, on_progress: Progress) -> Forecast:
        rows = [self.function(arrays, s, r) for s, r in zip(origins.series.tolist(), origins.row.tolist(), strict=True)]
        y_hat = np.array(rows, dtype=np.float64).reshape(len(origins), self.task.horizon)
        around = np.arange(len(self.task.quantile_levels)) - len(self.task.quantile_levels) // 2
        nothing = np.full(len(origins), None, dtype=object)
        failed = np.where(np.isnan(y_hat).any(axis=1), "it gave no number", nothing)
        return Forecast(y_hat, y_hat[..., None] + around, failed, nothing)

    def save(self, folder: Path) -> None:
        raise NotImplementedError


def last_value(task: Task, name: str = "last_value") -> FunctionForecaster:
    """Repeats the last value known at the origin."""
    return FunctionForecaster(lambda a, s, r: np.full(task.horizon, a.history(s, r)[-1]), task, name)


def forecast_rows(
    model: str, unique_id: str, cutoff: int, y_hat: Sequence[float], quantiles: Mapping[str, Sequence[float]]
) -> pl.DataFrame:
    """Rows of the BacktestTable by hand."""
    steps = np.arange(1, len(y_hat) + 1)
    return pl.DataFrame(
        {
            "run_id": ["run"] * len(y_hat),
            "model": [model] * len(y_hat),
            "unique_id": [unique_id] * len(y_hat),
            "cutoff": pl.Series([cutoff] * len(y_hat), dtype=pl.Int64),
            "ds": cutoff + steps,
            "step": steps,
            "y_hat": pl.Series(y_hat, dtype=pl.Float64),
            **{name: pl.Series(values, dtype=pl.Float64) for name, values in quantiles.items()},
            "fallback": pl.Series([None] * len(y_hat), dtype=pl.String),
        }
    )
