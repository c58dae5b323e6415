"""How many training windows each network finds in each series, and every cutoff, as tables of the run."""

from dataclasses import dataclass

import polars as pl

from forecasting.forecasters.protocol import Task
from forecasting.forecasters.recurrent.defaults import resolve_settings
from forecasting.forecasters.recurrent.forecaster import require_fittable, training_index
from forecasting.forecasters.recurrent.settings import RecurrentSettings
from forecasting.results import Job, Making
from forecasting.schema import CUTOFF, UNIQUE_ID, WindowSummary
from forecasting.series.arrays.dataset import Dataset
from forecasting.series.arrays.series_arrays import Origins, SeriesArrays
from forecasting.stages.jobs.arrays import arrays_of

_WINDOWS = {
    "forecaster": pl.String,
    UNIQUE_ID: pl.String,
    "n_observed": pl.Int64,
    "n_windows": pl.Int64,
    "reason": pl.String,
}


@dataclass(frozen=True, kw_only=True)
class WindowJob(Job[WindowSummary]):
    """`windows.parquet`: per network and series, how many training windows, or why none; `cutoffs.parquet`: every cutoff."""

    kind = "window"
    outcome = WindowSummary

    forecasters: list[RecurrentSettings]
    task: Task
    dataset: Dataset
    origins: Origins
    inner: Origins
    until: Origins

    @property
    def here(self) -> bool:
        """It counts and fits nothing."""
        return True

    def make(self, making: Making) -> WindowSummary:
        """Both tables, and their counts."""
        arrays = arrays_of(self.dataset)
        tables = [self._windows(settings, arrays) for settings in self.forecasters]
        windows = pl.concat(tables) if tables else pl.DataFrame(schema=_WINDOWS)
        cutoffs = pl.concat([_cutoffs(arrays, self.origins, "evaluation"), _cutoffs(arrays, self.inner, "inner")])
        windows.write_parquet(making.folder / "windows.parquet")
        cutoffs.write_parquet(making.folder / "cutoffs.parquet")
        short = windows.filter(pl.col("reason").is_not_null())[UNIQUE_ID].unique().sort()
        return WindowSummary(
            n_windows=int(windows["n_windows"].sum()),
            n_cutoffs=int(self.origins.window.max()) + 1,
            n_origins=len(self.origins),
            n_inner_origins=len(self.inner),
            first_cutoff=str(cutoffs.filter(pl.col("role") == "evaluation")[CUTOFF].min()),
            n_short=len(short),
            short=short.head(20).to_list(),
        )

    def _windows(self, settings: RecurrentSettings, arrays: SeriesArrays) -> pl.DataFrame:
        resolved = resolve_settings(settings, self.task, arrays, self.until)
        require_fittable(resolved, self.task, arrays, self.until)
        index = training_index(resolved, self.task, arrays, self.until, self.inner)
        observed = [0] * arrays.n_series
        for series, count in zip(self.until.series.tolist(), arrays.n_observed(self.until).tolist(), strict=True):
            observed[series] = count
        counts = index.count.tolist()
        reasons = [
            None
            if count
            else f"too short: {seen} observations up to the first cutoff, {resolved.min_history} and a horizon are needed"
            for count, seen in zip(counts, observed, strict=True)
        ]
        columns = ([settings.name] * arrays.n_series, arrays.ids, observed, counts, reasons)
        return pl.DataFrame(dict(zip(_WINDOWS, columns, strict=True)), schema=_WINDOWS)


def _cutoffs(arrays: SeriesArrays, origins: Origins, role: str) -> pl.DataFrame:
    ids = pl.Series(UNIQUE_ID, arrays.ids, dtype=pl.String).gather(origins.series)
    cutoffs = arrays.ds.gather(origins.row)
    return pl.DataFrame({UNIQUE_ID: ids, CUTOFF: cutoffs, "window": origins.window}).with_columns(role=pl.lit(role))
