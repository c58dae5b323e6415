"""The served side: the champion's forecasts published from an origin, forecasts of any fitted model, and monitoring."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl

from forecasting.config import Config
from forecasting.errors import InputError
from forecasting.forecasters.catalog import load_forecaster, state_digest
from forecasting.forecasters.local import LocalForecaster
from forecasting.forecasters.protocol import Forecaster
from forecasting.operations.prediction import Lineage, forecast_batch, publish, with_lineage
from forecasting.pipeline.paths import Paths
from forecasting.pipeline.reporter import listening
from forecasting.processes import workers_of
from forecasting.schema import FALLBACK, UNIQUE_ID
from forecasting.series.arrays import Origins, SeriesArrays, require_future
from forecasting.series.cutoffs import last_origins, origins_at
from forecasting.series.dataset import Dataset
from forecasting.series.unlearnable import Reasons, unknown_ahead
from forecasting.tracking.digests import SERVING
from forecasting.training.devices import resolve


def champion_of(paths: Paths) -> dict[str, Any]:
    """The pointer to the served version; InputError before the first promotion."""
    if not paths.champion.exists():
        raise InputError(
            f"a champion must be promoted before it can forecast, found none in {paths.root}: run `forecast run` first"
        )
    pointer: dict[str, Any] = json.loads(paths.champion.read_text(encoding="utf-8"))
    if state_digest(Path(pointer["folder"])) != pointer["digest"]:
        raise InputError(
            f"the champion's files must have the digest they were registered with: {pointer['folder']} was changed; promote again"
        )
    return pointer


def predict_champion(
    config: Config,
    paths: Paths,
    dataset: Dataset,
    run_id: str,
    *,
    origin: str | None = None,
    dry_run: bool = False,
    output: Path | None = None,
) -> dict[str, Any]:
    """Resolve the champion once, forecast every series from its newest origin (or `origin`), publish in one commit."""
    pointer = champion_of(paths)
    device, workers = str(resolve(config.device)), workers_of(config.workers)
    forecaster = load_forecaster(Path(pointer["folder"]), device, workers, paths.memory)
    drops = config.data.covariates.missing_future == "drop"
    arrays = (_as_fitted(config, dataset, Path(pointer["folder"])) if drops else dataset).arrays()
    origins = origins_of(arrays, dataset.reading.align, origin)
    if not drops:
        require_future(arrays, origins, config.task.horizon)
    reads_covariates = not isinstance(forecaster, LocalForecaster)
    declined = unknown_ahead(arrays, origins, config.task.horizon) if drops and reads_covariates else None
    frame = _forecast(config, forecaster, arrays, origins, declined)
    lineage = Lineage(
        pointer["model"], config.name, str(pointer["version"]), pointer["digest"], pointer["run_id"], dataset.version
    )
    rows = with_lineage(frame, lineage)
    if output is not None:
        rows.write_parquet(output)
    fallbacks = rows.filter(pl.col(FALLBACK).is_not_null()).unique(UNIQUE_ID).sort(UNIQUE_ID)
    summary = {
        "model": pointer["model"],
        "model_version": pointer["version"],
        "cutoff": str(rows["cutoff"].max()),
        "n_series": rows[UNIQUE_ID].n_unique(),
        "n_rows": rows.height,
        "n_fallback": fallbacks.height,
        "fallbacks": dict(fallbacks.head(20).select(UNIQUE_ID, FALLBACK).iter_rows()),
        "table": str(paths.table("forecasts")),
    }
    if dry_run:
        return summary | {"changed": False, "digest": None, "dry_run": True}
    done = publish(paths.table("forecasts"), rows)
    return summary | {"changed": done.changed, "digest": done.digest, "table_version": done.version, "run_id": run_id}


def _as_fitted(config: Config, dataset: Dataset, state: Path) -> Dataset:
    """The dataset with the known-future covariates of a fit: what is dropped now may have been known then, and vice versa."""
    fitted = json.loads((state / SERVING).read_text(encoding="utf-8"))["known_future"]
    known = [name for name in fitted if name in config.data.covariates.known_future]
    return replace(dataset, reading=replace(dataset.reading, known_future=known))


def predict_states(
    config: Config, dataset: Dataset, states: dict[str, Path], origin: str | None, output: Path | None
) -> pl.DataFrame:
    """Forecasts of named states (folders), not published: for a look at evaluated versions, or to score them elsewhere."""
    arrays = dataset.arrays()
    origins = origins_of(arrays, dataset.reading.align, origin)
    require_future(arrays, origins, config.task.horizon)
    device, workers = str(resolve(config.device)), workers_of(config.workers)
    frames = []
    for name, folder in states.items():
        forecaster = load_forecaster(folder, device, workers, Paths(config.workspace, config.name).memory)
        frames.append(_forecast(config, forecaster, arrays, origins).with_columns(model=pl.lit(name)))
    rows = pl.concat(frames)
    if output is not None:
        rows.write_parquet(output)
    return rows


def origins_of(arrays: SeriesArrays, align: str, origin: str | None) -> Origins:
    """The newest origin of each series, or the one named."""
    return last_origins(arrays, align) if origin is None else origins_at(arrays, origin)


def _forecast(
    config: Config, forecaster: Forecaster, arrays: SeriesArrays, origins: Origins, declined: Reasons | None = None
) -> pl.DataFrame:
    tell = listening().progress
    return forecast_batch(
        forecaster,
        config.prediction,
        arrays,
        origins,
        lambda done, total, text: tell(f"forecast {forecaster.name}", done, total, text),
        declined,
    )
