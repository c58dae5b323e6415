"""The seventh stage: the champion's forecasts from the newest origin, published; or those of any fitted model, to a file."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import polars as pl

from forecasting.config import Config
from forecasting.errors import InputError, unknown
from forecasting.forecasters.saved import load_forecaster, state_digest
from forecasting.operations.prediction import Lineage, Request, forecast_parts
from forecasting.operations.publishing import ForecastFile, publish
from forecasting.operations.sampling import sample_rows
from forecasting.reporting.reporter import listening
from forecasting.schema import UNIQUE_ID, PredictSummary
from forecasting.series.arrays.cutoffs import last_origins, origins_at
from forecasting.series.arrays.dataset import Dataset
from forecasting.series.arrays.parts import parts_of
from forecasting.series.arrays.series_arrays import Origins, SeriesArrays, require_future
from forecasting.series.table.new_version import draft_folder
from forecasting.stages.champion import champion_of
from forecasting.stages.ingest import Ingested
from forecasting.stages.plan import Plan
from forecasting.stages.train import Trained
from forecasting.tracking.package import SERVING
from forecasting.tracking.registry import resolve
from forecasting.tracking.runs import Tracker


def predict(
    plan: Plan,
    data: Ingested,
    *,
    model: str | None = None,
    origin: str | None = None,
    output: Path | None = None,
    dry_run: bool = False,
    paths: int | None = None,
) -> PredictSummary:
    """Ingest what is new, forecast every series with the champion, publish the forecasts in one commit.

    Options:
        model (MODEL): a registered model such as models:/NAME@champion; not published
        origin (DS): forecast from this ds in place of the newest
        output: also write the rows to this Parquet file
        dry_run: forecast, publish nothing
        paths (N): write N sample paths to --output in place of quantiles; not published
    """
    if model is not None:
        return _unpublished(
            plan, data, states={model: _registered(plan.config, model)}, origin=origin, output=output, paths=paths
        )
    if paths is not None:
        champion = champion_of(plan.paths)
        return _unpublished(
            plan, data, states={champion.model: Path(champion.folder)}, origin=origin, output=output, paths=paths
        )
    return _published(plan, data, origin, output, dry_run)


def predict_evaluated(
    plan: Plan,
    data: Ingested,
    trained: Trained,
    *,
    forecaster: str,
    origin: str | None = None,
    output: Path | None = None,
    paths: int | None = None,
) -> PredictSummary:
    """Forecast with evaluated versions, of one forecaster or of all.

    Options:
        forecaster (NAME): an evaluated forecaster by name, or all; not published
        origin (DS): forecast from this ds in place of the newest
        output: also write the rows to this Parquet file
        paths (N): write N sample paths to --output in place of quantiles; not published
    """
    known = {name: state.folder for name, state in trained.states.items()}
    if forecaster != "all" and forecaster not in known:
        raise unknown("a forecaster", forecaster, [*known, "all"], "--forecaster")
    states = known if forecaster == "all" else {forecaster: known[forecaster]}
    return _unpublished(plan, data, states=states, origin=origin, output=output, paths=paths)


def _published(plan: Plan, data: Ingested, origin: str | None, output: Path | None, dry_run: bool) -> PredictSummary:
    """Resolve the champion once, forecast every series, publish in one commit."""
    champion, table = champion_of(plan.paths), plan.paths.table("forecasts")
    state, drops = Path(champion.folder), plan.config.data.covariates.missing_future == "drop"
    lineage = Lineage(
        model=champion.model,
        model_name=plan.config.name,
        model_version=champion.version,
        model_digest=champion.digest,
        run_id=champion.run_id,
        dataset_version=data.version.version,
    )
    request = replace(_request(plan, champion.model, state, origin), drops=drops, lineage=lineage)
    with draft_folder(plan.paths.root) as folder:
        files = _forecast(request, _as_fitted(plan.config, data.dataset, state) if drops else data.dataset, folder)
        if output is not None:
            _write(output, files)
        summary = PredictSummary(
            models=[champion.model],
            published=not dry_run,
            n_rows=sum(file.n_rows for file in files),
            n_series=sum(file.n_series for file in files),
            model=champion.model,
            model_version=champion.version,
            cutoff=str(max(file.cutoffs[1] for file in files)),
            n_fallback=sum(file.n_fallback for file in files),
            fallbacks=dict([named for file in files for named in file.fallbacks][:20]),
            table=str(table),
            output=None if output is None else str(output),
            dry_run=dry_run,
        )
        if dry_run:
            return summary
        done = publish(table, files)
    return summary.model_copy(update={"digest": done.digest, "table_version": done.version, "reused": not done.changed})


def _unpublished(
    plan: Plan, data: Ingested, states: dict[str, Path], origin: str | None, output: Path | None, paths: int | None
) -> PredictSummary:
    """Forecasts of named states (folders): for a look at evaluated versions, or to score them elsewhere."""
    if paths is None:
        n_rows, n_series = _quantiles(plan, data, states, origin, output)
    elif output is None:
        raise InputError(f"sample paths are written to a file, got --paths {paths} alone: add --output FILE")
    else:
        n_rows, n_series = _paths(plan, data, states=states, origin=origin, n_paths=paths, output=output)
    return PredictSummary(
        models=sorted(states),
        published=False,
        n_rows=n_rows,
        n_series=n_series,
        n_paths=paths,
        output=None if output is None else str(output),
    )


def _quantiles(
    plan: Plan, data: Ingested, states: dict[str, Path], origin: str | None, output: Path | None
) -> tuple[int, int]:
    files: list[ForecastFile] = []
    with draft_folder(plan.paths.root) as folder:
        for number, (name, state) in enumerate(states.items()):
            place = folder / str(number)
            place.mkdir()
            files += _forecast(_request(plan, name, state, origin), data.dataset, place)
        if output is not None:
            _write(output, files)
    # The fallback leaves no series out, so each state has all of them.
    return sum(file.n_rows for file in files), sum(file.n_series for file in files) // len(states)


def _paths(
    plan: Plan, data: Ingested, states: dict[str, Path], origin: str | None, n_paths: int, output: Path
) -> tuple[int, int]:
    arrays = data.dataset.arrays()
    origins = _origins_of(arrays, data.dataset.reading.align, origin)
    require_future(arrays, origins, plan.task.horizon)
    tell, frames = listening().progress, []
    for name, folder in states.items():
        forecaster = load_forecaster(folder, plan.device, plan.workers)
        rows = sample_rows(
            forecaster, arrays, origins, n_paths, lambda done, total, text: tell("paths", done, total, text)
        )
        frames.append(rows.with_columns(model=pl.lit(name)))
    drawn = pl.concat(frames)
    drawn.write_parquet(output)
    return drawn.height, drawn[UNIQUE_ID].n_unique()


def _as_fitted(config: Config, dataset: Dataset, state: Path) -> Dataset:
    """The dataset with the known-future covariates of a fit: what is dropped now may have been known then, and vice versa."""
    fitted = json.loads((state / SERVING).read_text(encoding="utf-8"))["known_future"]
    known = [name for name in fitted if name in config.data.covariates.known_future]
    return replace(dataset, reading=replace(dataset.reading, known_future=known))


def _registered(config: Config, uri: str) -> Path:
    tracker = Tracker(config.tracking.uri, config.tracking.artifacts, config.workspace.absolute(), config.name)
    return resolve(tracker, uri).folder


def _origins_of(arrays: SeriesArrays, align: str | None, origin: str | None) -> Origins:
    """The newest origin of each series, or the one named."""
    return last_origins(arrays, align) if origin is None else origins_at(arrays, origin)


def _request(plan: Plan, model: str, state: Path, origin: str | None) -> Request:
    return Request(
        state=state,
        digest=state_digest(state),
        settings=plan.config.prediction,
        model=model,
        device=plan.device,
        workers=plan.workers,
        cache=plan.paths.forecast_cache,
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
