"""The second stage: how many training windows each network finds in each series, and every cutoff, as tables of the run."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import polars as pl

from forecasting.config import Config
from forecasting.forecasters.defaults import resolve_settings
from forecasting.forecasters.recurrent import training_index
from forecasting.pipeline.plan import task_of
from forecasting.schema import CUTOFF, UNIQUE_ID
from forecasting.series.arrays import Origins, SeriesArrays
from forecasting.series.dataset import Dataset
from forecasting.stages import StageResult, StageStore


def window(
    store: StageStore,
    inputs: dict[str, Any],
    config: Config,
    dataset: Dataset,
    origins: Origins,
    inner: Origins,
    until: Origins,
) -> StageResult:
    """`windows.parquet`: per network and series, how many training windows, or why none; `cutoffs.parquet`: every cutoff."""

    def build(folder: Path) -> dict[str, Any]:
        arrays = dataset.arrays()
        tables = [_windows(settings, config, arrays, until, inner) for settings in config.forecasters]
        windows = pl.concat(tables) if tables else pl.DataFrame(schema=_WINDOWS)
        cutoffs = pl.concat([_cutoffs(arrays, origins, "evaluation"), _cutoffs(arrays, inner, "inner")])
        windows.write_parquet(folder / "windows.parquet")
        cutoffs.write_parquet(folder / "cutoffs.parquet")
        short = windows.filter(pl.col("reason").is_not_null())[UNIQUE_ID].unique().sort()
        return {
            "n_windows": int(windows["n_windows"].sum()),
            "n_cutoffs": int(origins.window.max()) + 1,
            "n_origins": len(origins),
            "n_inner_origins": len(inner),
            "first_cutoff": str(cutoffs.filter(pl.col("role") == "evaluation")[CUTOFF].min()),
            "n_short": len(short),
            "short": short.head(20).to_list(),
        }

    depends = inputs | {"forecasters": [asdict(settings) for settings in config.forecasters]}
    return store.run("window", depends, build)


_WINDOWS = {
    "forecaster": pl.String,
    UNIQUE_ID: pl.String,
    "n_observed": pl.Int64,
    "n_windows": pl.Int64,
    "reason": pl.String,
}


def _windows(settings: Any, config: Config, arrays: SeriesArrays, until: Origins, inner: Origins) -> pl.DataFrame:
    task = task_of(config)
    resolved = resolve_settings(settings, task, arrays, until)
    index = training_index(resolved, task, arrays, until, inner)
    observed = [0] * arrays.n_series
    for series, count in zip(until.series.tolist(), arrays.n_observed(until).tolist(), strict=True):
        observed[series] = count
    counts = index.count.tolist()
    reasons = [
        None
        if count
        else f"too short: {seen} observations up to the first cutoff, {resolved.min_history} and a horizon are needed"
        for count, seen in zip(counts, observed, strict=True)
    ]
    return pl.DataFrame(
        {
            "forecaster": [settings.name] * arrays.n_series,
            UNIQUE_ID: arrays.ids,
            "n_observed": observed,
            "n_windows": counts,
            "reason": reasons,
        },
        schema=_WINDOWS,
    )


def _cutoffs(arrays: SeriesArrays, origins: Origins, role: str) -> pl.DataFrame:
    ids = pl.Series(UNIQUE_ID, arrays.ids, dtype=pl.String).gather(origins.series)
    cutoffs = arrays.ds.gather(origins.row)
    return pl.DataFrame({UNIQUE_ID: ids, CUTOFF: cutoffs, "window": origins.window}).with_columns(role=pl.lit(role))
