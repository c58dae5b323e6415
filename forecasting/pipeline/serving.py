"""The served side: the champion's forecasts published from an origin, forecasts of any fitted model, and monitoring."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl

from forecasting.config import Config
from forecasting.errors import InputError
from forecasting.forecasters.catalog import load_forecaster, state_digest
from forecasting.operations.prediction import Lineage, Request, forecast_parts
from forecasting.operations.publishing import ForecastFile, publish
from forecasting.operations.sampling import sample_rows
from forecasting.pipeline.paths import Paths
from forecasting.pipeline.reporter import listening
from forecasting.processes import workers_of
from forecasting.series.arrays import Origins, SeriesArrays, require_future
from forecasting.series.cutoffs import last_origins, origins_at
from forecasting.series.dataset import Dataset
from forecasting.series.draft import draft_folder
from forecasting.series.parts import parts_of
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
    state, drops = Path(pointer["folder"]), config.data.covariates.missing_future == "drop"
    lineage = Lineage(
        pointer["model"], config.name, str(pointer["version"]), pointer["digest"], pointer["run_id"], dataset.version
    )
    request = _request(config, paths, pointer["model"], state, origin)
    request = replace(request, digest=pointer["digest"], drops=drops, lineage=lineage)
    with draft_folder(paths.root) as folder:
        files = _forecast(request, _as_fitted(config, dataset, state) if drops else dataset, folder)
        if output is not None:
            _write(output, files)
        summary = {
            "model": pointer["model"],
            "model_version": pointer["version"],
            "cutoff": str(max(file.cutoffs[1] for file in files)),
            "n_series": sum(file.n_series for file in files),
            "n_rows": sum(file.n_rows for file in files),
            "n_fallback": sum(file.n_fallback for file in files),
            "fallbacks": dict([named for file in files for named in file.fallbacks][:20]),
            "table": str(paths.table("forecasts")),
        }
        if dry_run:
            return summary | {"changed": False, "digest": None, "dry_run": True}
        done = publish(paths.table("forecasts"), files)
    return summary | {"changed": done.changed, "digest": done.digest, "table_version": done.version, "run_id": run_id}


def _as_fitted(config: Config, dataset: Dataset, state: Path) -> Dataset:
    """The dataset with the known-future covariates of a fit: what is dropped now may have been known then, and vice versa."""
    fitted = json.loads((state / SERVING).read_text(encoding="utf-8"))["known_future"]
    known = [name for name in fitted if name in config.data.covariates.known_future]
    return replace(dataset, reading=replace(dataset.reading, known_future=known))


def predict_states(
    config: Config, dataset: Dataset, states: dict[str, Path], origin: str | None, output: Path | None
) -> dict[str, int]:
    """Forecasts of named states (folders), not published: for a look at evaluated versions, or to score them elsewhere.

    Goes out: how many rows and series; the rows are written to `output` (Parquet).
    """
    paths, files = Paths(config.workspace, config.name), []
    with draft_folder(paths.root) as folder:
        for number, (name, state) in enumerate(states.items()):
            place = folder / str(number)
            place.mkdir()
            files += _forecast(_request(config, paths, name, state, origin), dataset, place)
        if output is not None:
            _write(output, files)
    n_series = sum(file.n_series for file in files) // len(states)  # the fallback leaves none out
    return {"n_rows": sum(file.n_rows for file in files), "n_series": n_series}


def predict_paths(
    config: Config, dataset: Dataset, states: dict[str, Path], origin: str | None, n_paths: int, output: Path
) -> pl.DataFrame:
    """Sample paths of named states (folders), written to `output` (Parquet); never published."""
    arrays = dataset.arrays()
    origins = origins_of(arrays, dataset.reading.align, origin)
    require_future(arrays, origins, config.task.horizon)
    tell, frames = listening().progress, []
    for name, folder in states.items():
        forecaster = load_forecaster(folder, str(resolve(config.device)), workers_of(config.workers))
        rows = sample_rows(
            forecaster, arrays, origins, n_paths, lambda done, total, text: tell("paths", done, total, text)
        )
        frames.append(rows.with_columns(model=pl.lit(name)))
    drawn = pl.concat(frames)
    drawn.write_parquet(output)
    return drawn


def origins_of(arrays: SeriesArrays, align: str, origin: str | None) -> Origins:
    """The newest origin of each series, or the one named."""
    return last_origins(arrays, align) if origin is None else origins_at(arrays, origin)


def _request(config: Config, paths: Paths, model: str, state: Path, origin: str | None) -> Request:
    return Request(
        state,
        state_digest(state),
        config.prediction,
        model,
        device=str(resolve(config.device)),
        workers=workers_of(config.workers),
        memory=paths.memory,
        origin=origin,
    )


def _forecast(request: Request, dataset: Dataset, folder: Path) -> list[ForecastFile]:
    tell = listening().progress
    return forecast_parts(
        request,
        parts_of(dataset),
        folder,
        lambda done, total, text: tell(f"forecast {request.model}", done, total, text),
    )


def _write(output: Path, files: Sequence[ForecastFile]) -> None:
    pl.scan_parquet([file.path for file in files]).sink_parquet(output)
