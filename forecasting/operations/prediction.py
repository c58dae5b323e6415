"""Batch prediction: a saved forecaster and parts of the series come in, files of forecasts go out, a file for each part.

So memory is bounded by a part, however many series there are; and where much is left after the first part, processes of one
thread each take the others. A series that the forecaster cannot serve gets the fallback's forecast, named in its rows. How
the series are cut into parts follows from the data alone, so nothing of this changes a bit.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

import polars as pl

from forecasting.errors import InputError, LimitError, unknown
from forecasting.forecasters.baselines.forecaster import LocalForecaster
from forecasting.forecasters.baselines.table import BASELINES
from forecasting.forecasters.fallback import forecast_with_fallback
from forecasting.forecasters.protocol import Forecaster, to_frame
from forecasting.forecasters.saved import load_forecaster, read_state
from forecasting.operations.publishing import GENERATED_AT, ForecastFile
from forecasting.processes import Progress, run_jobs
from forecasting.schema import CUTOFF, DS, FALLBACK, UNIQUE_ID, ForecastTable, PublishedTable, check
from forecasting.series.arrays.cutoffs import last_origins, no_such_origin, rows_at
from forecasting.series.arrays.parts import Part, Parts
from forecasting.series.arrays.series_arrays import Origins, SeriesArrays, require_future
from forecasting.series.arrays.unlearnable import unknown_ahead

_NETWORKS = ("ensemble", "recurrent")  # one thread each; baselines bring processes of their own
_START_SECONDS = 10.0  # of work that processes must save before they are started: they import for some seconds first
_NAMED = 20  # series of a part that are named where the fallback served them


@dataclass(frozen=True)
class PredictionSettings:
    """Who serves what the champion cannot, and how much of that is borne."""

    __pydantic_config__ = {"extra": "forbid"}  # noqa: RUF012 - read by pydantic where the config file is parsed

    fallback: str = "seasonal_naive"
    """The baseline that serves what the champion cannot. Example: naive"""
    max_fallback: float = 0.2
    """Largest share of the series that may be served by the fallback; above it nothing is published (exit 4). Example:
    0.5
    """

    def __post_init__(self) -> None:
        if self.fallback not in BASELINES:
            raise unknown("the fallback", self.fallback, list(BASELINES), "prediction.fallback")
        if not 0 <= self.max_fallback <= 1:
            raise InputError(f"max_fallback must lie in 0..1, got {self.max_fallback}: set prediction.max_fallback")


@dataclass(frozen=True, kw_only=True)
class Lineage:
    """Which model made the rows, from which data, in which run."""

    model: str  # forecaster's name, such as gru_encoder_decoder or ets
    model_name: str  # registered name
    model_version: str
    model_digest: str
    run_id: str
    dataset_version: int
    generated_at: datetime = field(default_factory=lambda: datetime.now(UTC))


@dataclass(frozen=True)
class Request:
    """What is asked of a saved forecaster: `state` is its folder, `digest` that of its files; `origin` null: the newest.

    `drops`: known-future covariates may end early, and a network is not asked where they do. Rows of the PublishedTable with
    `lineage`, else of the ForecastTable with the `model`.
    """

    state: Path
    digest: str
    settings: PredictionSettings
    model: str
    device: str = "cpu"
    workers: int = 1
    cache: Path | None = None
    origin: str | None = None
    drops: bool = False
    lineage: Lineage | None = None


@dataclass(frozen=True)
class Job:
    """One part."""

    request: Request
    part: Part
    file: Path


def forecast_parts(request: Request, parts: Parts, folder: Path, on_progress: Progress) -> list[ForecastFile]:
    """Files below `folder`, in the order of the parts; progress counts series.

    Raises InputError where no series has the origin or a known-future covariate is missing over its horizon, and LimitError
    where too many series fell back.
    """
    jobs = [Job(request, part, folder / f"{number:05d}.parquet") for number, part in enumerate(parts.parts)]
    began = time.perf_counter()
    found = _run(jobs[:1], 1, 0, parts, on_progress)
    expected = (time.perf_counter() - began) * (parts.n_series / parts.parts[0].n_series - 1)
    workers = _workers(request, expected, len(jobs) - 1)
    found += _run(jobs[1:], workers, parts.parts[0].n_series, parts, on_progress)
    files = [file for file in found if file is not None]
    if not files:
        raise no_such_origin(str(request.origin), parts.oldest, parts.newest)
    _require_few_fallbacks(files, request.settings)
    return files


def _workers(request: Request, expected_seconds: float, n_jobs: int) -> int:
    """How many processes share the rest: as many as may, where that saves more than starting them costs."""
    workers = min(request.workers, n_jobs)
    if workers < 2 or request.device != "cpu" or read_state(request.state)["kind"] not in _NETWORKS:
        return 1
    return workers if expected_seconds * (1 - 1 / workers) > _START_SECONDS else 1


def _run(
    jobs: Sequence[Job], workers: int, before: int, parts: Parts, on_progress: Progress
) -> list[ForecastFile | None]:
    done = [0.0] * len(jobs)

    def tell(index: int, now: int, total: int, text: str) -> None:
        done[index] = jobs[index].part.n_series * now / max(total, 1)
        on_progress(before + int(sum(done)), parts.n_series, text)

    return run_jobs(forecast_part, jobs, workers, on_progress=tell)


def forecast_part(job: Job, on_progress: Progress) -> ForecastFile | None:
    """Forecast the series of one part and write them; None where none of them has the origin."""
    request, arrays = job.request, job.part.arrays()
    forecaster = _loaded(request.state, request.digest, request.device, request.workers, request.cache)
    align, horizon = job.part.dataset.reading.align, forecaster.task.horizon
    origins = last_origins(arrays, align) if request.origin is None else rows_at(arrays, request.origin)
    if not len(origins):
        return None
    if not request.drops:
        require_future(arrays, origins, horizon)
    reads_covariates = not isinstance(forecaster, LocalForecaster)
    declined = unknown_ahead(arrays, origins, horizon) if request.drops and reads_covariates else None
    forecast = forecast_with_fallback(
        forecaster,
        request.settings.fallback,
        arrays=arrays,
        origins=origins,
        on_progress=on_progress,
        declined=declined,
    )
    rows = _typed(to_frame(forecast, arrays, origins, forecaster.task), request)
    rows.write_parquet(job.file, compression="zstd", compression_level=1)
    return _described(rows, job.file, arrays, origins)


def _described(rows: pl.DataFrame, file: Path, arrays: SeriesArrays, origins: Origins) -> ForecastFile:
    fallbacks = rows.filter(pl.col(FALLBACK).is_not_null()).unique(UNIQUE_ID).sort(UNIQUE_ID)
    ids = rows[UNIQUE_ID]
    cutoffs = arrays.ds.gather(origins.row)
    return ForecastFile(
        path=file,
        n_rows=rows.height,
        n_series=len(origins),
        first=ids[0],
        last=ids[-1],
        cutoffs=(cutoffs.min(), cutoffs.max()),
        n_fallback=fallbacks.height,
        fallbacks=fallbacks.head(_NAMED).select(UNIQUE_ID, FALLBACK).rows(),
    )


def _typed(frame: pl.DataFrame, request: Request) -> pl.DataFrame:
    """`frame` as the rows that were asked for."""
    if request.lineage is None:
        return check(ForecastTable, frame.with_columns(model=pl.lit(request.model)), [UNIQUE_ID, CUTOFF, DS])
    values = {name: pl.lit(value).alias(name) for name, value in vars(request.lineage).items()}
    typed = frame.with_columns(values.values()).with_columns(
        pl.col("dataset_version").cast(pl.Int64), pl.col(GENERATED_AT).cast(pl.Datetime("us", "UTC"))
    )
    return check(PublishedTable, typed, [UNIQUE_ID, CUTOFF, DS])


def _require_few_fallbacks(files: Sequence[ForecastFile], settings: PredictionSettings) -> None:
    n_fallback, n_series = sum(file.n_fallback for file in files), sum(file.n_series for file in files)
    if n_fallback > settings.max_fallback * n_series:
        raise LimitError(
            f"at most {settings.max_fallback:.0%} of the series may fall back, got {n_fallback} of {n_series}: nothing was "
            "published; look at the reasons in the summary or set prediction.max_fallback"
        )


@lru_cache(maxsize=1)
def _loaded(state: Path, digest: str, device: str, workers: int, cache: Path | None) -> Forecaster:  # noqa: ARG001
    """The forecaster in `state`, read once for all parts of a process; another digest is another forecaster."""
    return load_forecaster(state, device, workers, cache)
