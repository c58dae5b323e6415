"""M4 Hourly for benchmarks: comes in a folder with m4_hourly.parquet and m4_hourly_test.parquet, go out arrays, cutoffs, scores.

The three newest cutoffs of each series lie a horizon apart. The newest starts the competition's hold-out; whatever is chosen
is chosen at the other two, the inner ones. Axes: O origins, H horizon.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from forecasting.forecasters.protocol import Task, no_progress
from forecasting.forecasters.recurrent.forecaster import RecurrentForecaster, RecurrentSettings
from forecasting.series.arrays.as_of import as_of
from forecasting.series.arrays.cutoffs import evaluation_origins
from forecasting.series.arrays.series_arrays import FloatArray, Origins, Reading, SeriesArrays, to_arrays
from tests.benchmarks.public_sets import SETS

PUBLIC = SETS["m4_hourly"]
H, M = PUBLIC.horizon, PUBLIC.season_length
TASK = Task(H, (0.1, 0.5, 0.9), M)
HOLD_OUT, INNER = 2, (1, 0)  # the cutoff of the hold-out, and those before it, the newest first
NO_ORIGINS = Origins(*[np.zeros(0, dtype=np.int64)] * 3)


@dataclass(frozen=True)
class Scores:
    """Means over the series, as the M4 competition defines them."""

    smape: float
    mase: float

    @property
    def owa(self) -> float:
        """Half of sMAPE and MASE, each over that of Naive2, the competition's yardstick."""
        assert PUBLIC.naive2 is not None
        return (self.smape / PUBLIC.naive2[0] + self.mase / PUBLIC.naive2[1]) / 2


def read(folder: Path) -> SeriesArrays:
    """Training part and hold-out in one; who fits up to a cutoff sees it through `as_of`."""
    parts = [
        pl.read_parquet(folder / f"m4_hourly{part}.parquet").select("unique_id", "ds", "y") for part in ("", "_test")
    ]
    rows = pl.concat([part.cast({"ds": pl.Int64}) for part in parts]).sort("unique_id", "ds")
    return to_arrays(rows, Reading(freq="1", horizon=H, season_length=M, align="series_end"))


def origins(arrays: SeriesArrays, cutoff: int) -> Origins:
    """The origins of one of the three cutoffs, one per series."""
    found = evaluation_origins(arrays, H, HOLD_OUT + 1, H, "series_end")
    return found.take(found.window == cutoff)


def scores(arrays: SeriesArrays, at: Origins, y_hat_OH: FloatArray) -> Scores:
    """sMAPE in per cent, and MASE by the seasonal naive's error up to each origin."""
    y_OH = arrays.targets(at, H)
    error_OH, size_OH = np.abs(y_OH - y_hat_OH), np.abs(y_OH) + np.abs(y_hat_OH)
    smape_OH = np.where(size_OH > 0, 200 * error_OH / np.where(size_OH > 0, size_OH, 1.0), 0.0)
    return Scores(float(smape_OH.mean()), float((error_OH.mean(axis=1) / naive_errors(arrays, at, M)).mean()))


def naive_errors(arrays: SeriesArrays, at: Origins, m: int) -> FloatArray:
    """Mean error of the seasonal naive on the history up to each origin, the unit of MASE; (O,)."""
    histories = [arrays.history(int(s), int(row)) for s, row in zip(at.series, at.row, strict=True)]
    return np.array([np.abs(y[m:] - y[:-m]).mean() for y in histories])


def seasonal_naive(arrays: SeriesArrays, at: Origins) -> FloatArray:
    """The value at the same hour of the day before; (O, H)."""
    y_OH: FloatArray = arrays.y[at.row[:, None] - M + 1 + np.arange(H) % M]
    return y_OH


def fitted_forecast(
    arrays: SeriesArrays, at: Origins, settings: RecurrentSettings, seed: int
) -> tuple[FloatArray, dict[str, Any]]:
    """The medians of a network that has learnt up to `at`, (O, H), and the notes of its fit; no step is chosen by looks."""
    forecaster = RecurrentForecaster(settings, TASK, seed, "cpu")
    report = forecaster.fit(as_of(arrays, at), at, NO_ORIGINS, no_progress)
    return forecaster.forecast(arrays, at, no_progress).y_hat, report.notes
