"""The backtest as jobs for worker processes: one per model and few cutoffs, one per model for what is known of all.

Each reads the dataset itself and leaves a finished stage result, so that a kill loses at most the jobs under way, and a
cutoff that was forecast and scored once is not touched again.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from forecasting.evaluation.backtest import backtest
from forecasting.evaluation.leak_check import LeakReport, fit_leak_check, leak_check, window_leak_check
from forecasting.evaluation.scoring import score, step_scores
from forecasting.evaluation.selection import inner_score
from forecasting.evaluation.slices import step_slices
from forecasting.forecasters.catalog import load_forecaster
from forecasting.forecasters.ensemble import EnsembleForecaster
from forecasting.forecasters.protocol import Forecaster, no_progress
from forecasting.forecasters.recurrent_prefixes import step_forecasts
from forecasting.pipeline.jobs import TrainJob
from forecasting.series.arrays import Origins, SeriesArrays
from forecasting.series.as_of import as_of
from forecasting.series.dataset import Dataset, Reading
from forecasting.series.digest import digest_of
from forecasting.series.subset import take_origins, take_series
from forecasting.stages import StageResult, StageStore

WorkerProgress = Callable[[int, int, str], None]

# Enough series to catch a leak in the code path, few enough to cost next to nothing beside the backtest.
LEAK_SAMPLE = 8
LEAK_STEPS = 4  # of a fit that is only made to be compared with itself

# A result may serve several runs (the same data and recipe under another gate); each puts its own id in when it reads it.
UNNAMED = "-"

MOST_CHUNKS = 64
MOST_ROWS = 1_000_000  # of one chunk: what a job holds in memory


@dataclass(frozen=True)
class Scoring:
    """How forecasts are scored, the same for every model."""

    metrics: tuple[str, ...]
    primary: str
    season_length: int
    standard: Origins
    slices: tuple[str, ...]
    weights: str | None
    country: str | None
    timezone: str | None


@dataclass(frozen=True)
class ChunkJob:
    """Forecast and score some cutoffs with one fitted forecaster."""

    inputs: dict[str, Any]
    store: Path
    name: str
    state: Path
    dataset: Dataset
    origins: Origins
    fallback: str
    device: str
    workers: int  # of the forecaster itself, over its series
    memory: Path  # where a baseline finds what it forecast before
    here: bool  # in the run's own process: the forecaster starts processes, or the work is too small for one
    scoring: Scoring


@dataclass(frozen=True)
class CheckJob:
    """Does a model look ahead: its forecasts, and for a network a small fit with the recipe of the evaluated one."""

    inputs: dict[str, Any]
    store: Path
    state: Path
    recipe: TrainJob | None
    dataset: Dataset
    origins: Origins
    seed: int


@dataclass(frozen=True)
class DetailJob:
    """What needs all forecasts of one model together: scores by step, slices by the day of the target."""

    inputs: dict[str, Any]
    store: Path
    chunks: tuple[Path, ...]
    dataset: Dataset
    origins: Origins
    scoring: Scoring


Job = ChunkJob | CheckJob | DetailJob


def work(job: Job, progress: WorkerProgress) -> StageResult:
    """One job of any kind, done or found."""
    if isinstance(job, ChunkJob):
        return _chunk(job, progress)
    return _check(job) if isinstance(job, CheckJob) else _detail(job)


def stage_of(job: Job) -> str:
    """The stage that a job's result belongs to."""
    return {ChunkJob: "backtest", CheckJob: "leak_check", DetailJob: "detail"}[type(job)]


def chunks_of(origins: Origins, horizon: int) -> Iterator[Origins]:
    """The origins in parts of whole cutoffs, oldest first: each cutoff by itself, or several where there are many.

    A cutoff with more than `MOST_ROWS` forecasts is cut into parts of its series.
    """
    order = np.lexsort((origins.series, origins.window))
    windows, starts = np.unique(origins.window[order], return_index=True)
    sizes = np.diff(starts, append=len(origins)) * horizon
    together = max(1, min(-(-len(windows) // MOST_CHUNKS), MOST_ROWS // max(1, int(sizes.max(initial=1)))))
    # Counted from the oldest: further cutoffs at the end leave the parts before as they are.
    for part in np.split(order, starts[together::together]):
        for piece in np.array_split(part, -(-len(part) * horizon // MOST_ROWS)):
            yield origins.take(np.sort(piece))


def _chunk(job: ChunkJob, progress: WorkerProgress) -> StageResult:
    """`backtest.parquet` (BacktestTable) and `scores.parquet` (ScoresTable)."""

    def build(folder: Path) -> dict[str, Any]:
        arrays, s = arrays_of(job.dataset), job.scoring
        forecaster = _forecaster(job.state, job.device, job.workers, job.memory)
        frame, seconds = backtest(forecaster, job.fallback, arrays, job.origins, UNNAMED, progress)
        frame = frame.with_columns(model=pl.lit(job.name))
        scores = score(frame, arrays, job.origins, s.season_length, s.metrics, s.standard)
        frame.write_parquet(folder / "backtest.parquet")
        scores.write_parquet(folder / "scores.parquet")
        fell_back = frame.filter(pl.col("fallback").is_not_null()).select("unique_id", "cutoff").n_unique()
        return {
            "n_rows": frame.height,
            "n_origins": len(job.origins),
            "n_fallback": fell_back,
            "predict_seconds": seconds,
            "digest": digest_of(frame),
        }

    return StageStore(job.store).run("backtest", job.inputs, build)


def _check(job: CheckJob) -> StageResult:
    def build(_: Path) -> dict[str, Any]:
        arrays = arrays_of(job.dataset)
        forecaster = load_forecaster(job.state, "cpu")
        reports = {"forecast": leak_check(forecaster, arrays, _sample(job.origins), job.seed)}
        if job.recipe is not None:
            reports["fit"] = _fit_leak(job.recipe, arrays, job.seed)
        if isinstance(forecaster, EnsembleForecaster):
            one_each = _sample(job.origins.take(job.origins.window == job.origins.window.max()))
            network = forecaster.members[0]  # the others differ in seed and context alone
            reports["window"] = window_leak_check(partial(step_forecasts, network), arrays, one_each, job.seed)
        told = {f"{kind}_{key}": getattr(r, key) for kind, r in reports.items() for key in ("checked", "moved")}
        moved = sorted({name for report in reports.values() for name in report.moved_ids})
        return told | {
            "checked": sum(report.checked for report in reports.values()),
            "moved": sum(report.moved for report in reports.values()),
            "moved_ids": moved,
        }

    return StageStore(job.store).run("leak_check", job.inputs, build)


def _sample(origins: Origins) -> Origins:
    """A few series at the newest cutoff and at the oldest one."""
    windows = dict.fromkeys((origins.window.max(), origins.window.min()))
    picked = [np.flatnonzero(origins.window == w) for w in windows]
    return origins.take(np.concatenate([place[:: max(1, len(place) // LEAK_SAMPLE)][:LEAK_SAMPLE] for place in picked]))


def _fit_leak(recipe: TrainJob, arrays: SeriesArrays, seed: int) -> LeakReport:
    """A few steps on the longest series, with and without noise after the first cutoff; scored as tuning does.

    Where the evaluated fit was made again on the whole history, this one is too.
    """
    longest = recipe.until.series[np.argsort(-arrays.n_observed(recipe.until), kind="stable")[:LEAK_SAMPLE]]
    which = np.sort(longest).tolist()
    until, inner = (take_origins(o, arrays, which) for o in (recipe.until, recipe.inner))
    steps = replace(recipe.settings.training, max_steps=LEAK_STEPS, valid_every=None)
    few = replace(recipe.settings, n_seeds=1, training=steps)  # what another seed would read is the same

    def fit(given: SeriesArrays) -> tuple[Forecaster, float]:
        known = as_of(given, until)
        forecaster = EnsembleForecaster.untrained(few, recipe.task, recipe.seed, "cpu")
        forecaster.fit(known, until, inner, no_progress)
        score = inner_score(forecaster, recipe.fallback, known, inner, recipe.metric) if len(inner) else float("nan")
        if recipe.whole_history and len(inner):
            forecaster.fit_again(known, until, no_progress)
        return forecaster, score

    return fit_leak_check(fit, take_series(arrays, which), until, seed)


def _detail(job: DetailJob) -> StageResult:
    """`step_scores.parquet` (StepScoresTable) and `slices.parquet` (SlicesTable)."""

    def build(folder: Path) -> dict[str, Any]:
        arrays, s = arrays_of(job.dataset), job.scoring
        frame = pl.concat([pl.read_parquet(chunk / "backtest.parquet") for chunk in job.chunks])
        steps = step_scores(frame, arrays, job.origins, s.season_length, s.metrics, s.standard)
        steps.write_parquet(folder / "step_scores.parquet")
        days = step_slices(frame, arrays, job.origins, s.season_length, s.primary, s.slices, s.country, s.timezone)
        days.write_parquet(folder / "slices.parquet")
        return {}

    return StageStore(job.store).run("detail", job.inputs, build)


def arrays_of(dataset: Dataset) -> SeriesArrays:
    """The arrays of a dataset; a process that does several jobs on one dataset reads it once."""
    return _arrays(str(dataset.folder), dataset.version, json.dumps(dataset.reading.to_dict(), sort_keys=True))


@lru_cache(maxsize=1)
def _forecaster(state: Path, device: str, workers: int, memory: Path) -> Forecaster:
    """A saved forecaster; a process that forecasts many cutoffs with one loads it once."""
    return load_forecaster(state, device, workers, memory)


@lru_cache(maxsize=1)
def _arrays(folder: str, version: int, reading: str) -> SeriesArrays:
    return Dataset(Path(folder), version, Reading(**json.loads(reading))).arrays()
