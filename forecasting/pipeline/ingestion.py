"""The first two stages: a source becomes a version of the series table, and its windows are indexed and checked."""

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl

from forecasting.config import Config
from forecasting.errors import InputError
from forecasting.forecasters.defaults import resolve_settings
from forecasting.forecasters.recurrent import training_index
from forecasting.freq import parse_freq
from forecasting.pipeline.paths import Paths
from forecasting.pipeline.plan import task_of
from forecasting.schema import CUTOFF, DS, UNIQUE_ID, Y
from forecasting.series.arrays import Origins, SeriesArrays, missing_future
from forecasting.series.changes import changes as changes_between
from forecasting.series.changes import told
from forecasting.series.cutoffs import last_origins
from forecasting.series.dataset import Dataset
from forecasting.series.grid import to_grid
from forecasting.series.quality import Checked, check_series, require_few_quarantined
from forecasting.series.store import SeriesStore, Version
from forecasting.stages import StageResult, StageStore


@dataclass(frozen=True)
class Ingested:
    """A published version and the account of what was set aside."""

    version: Version
    ds_type: pl.DataType
    checked: Checked
    changed: bool
    summary: dict[str, Any]


def ingest(config: Config, paths: Paths, *, dry_run: bool = False) -> Ingested:
    """Read, check, grid and publish; InputError for an unusable source, LimitError past `max_quarantined`: nothing written."""
    data = config.data
    freq = parse_freq(data.freq, data.timezone)
    checked = check_series(
        data.source.read(),
        freq,
        data.quality,
        data.covariates.static,
        data.covariates.past,
        data.covariates.known_future,
        aggregate=data.aggregate,
        future=None if data.future is None else data.future.read((UNIQUE_ID, DS)),
    )
    account = {
        "n_input": checked.n_series,
        "n_quarantined": checked.n_quarantined,
        "account": checked.account,
    }
    require_few_quarantined(checked, data.quality)
    frame = to_grid(checked.frame, freq)
    _require_history(frame, config.task.horizon)
    store = SeriesStore(paths.root)
    before = store.current()
    if dry_run:
        version = Version(-1, "", frame[UNIQUE_ID].n_unique(), frame.height)
    else:
        version = store.publish(frame, checked.quarantine)
    changed = before is None or before.version != version.version
    changes = _changes(paths, before, frame) if before is not None and changed else None
    summary = account | {
        "n_series": version.n_series,
        "n_rows": version.n_rows,
        "n_observed": int(frame[Y].is_not_null().sum()),
        "first": str(frame[DS].min()),
        "last": str(frame.filter(pl.col(Y).is_not_null())[DS].max()),
        "version": version.version,
        "digest": version.digest,
        "changes": changes,
    }
    return Ingested(version, frame.schema[DS], checked, changed, summary)


def known_ahead(config: Config, dataset: Dataset) -> tuple[Dataset, dict[str, str]]:
    """The dataset without the known-future covariates that are not known over the newest horizon, and how many series lack
    each; where the config says `error` they stay, and who reads the dataset refuses it.
    """
    names = dataset.reading.known_future
    if config.data.covariates.missing_future == "error" or not names:
        return dataset, {}
    arrays = dataset.arrays()
    missing = missing_future(arrays, last_origins(arrays, dataset.reading.align), config.task.horizon)
    gone = {name: f"not known over the horizon of {len(which)} series" for name, which in missing.items()}
    kept = [name for name in names if name not in gone]
    return replace(dataset, reading=replace(dataset.reading, known_future=kept)), gone


def _changes(paths: Paths, before: Version, frame: pl.DataFrame) -> dict[str, Any]:
    """What is different from the version before."""
    old = pl.scan_delta(str(paths.table("series")), version=before.version)
    found = changes_between(old, frame.lazy())
    return {"since": before.version, "sentence": told(found, before.version), **found.to_dict()}


def _require_history(frame: pl.DataFrame, horizon: int) -> None:
    counts = frame.filter(pl.col(Y).is_not_null()).group_by(UNIQUE_ID).len()["len"].to_list()
    longest = max(counts, default=0)
    if longest <= horizon:
        raise InputError(
            f"horizon must be shorter than the longest history, got {horizon} steps where the longest series has {longest} "
            "observations: set task.horizon"
        )


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
