"""The long work of a run as jobs for worker processes: each reads the dataset itself and leaves a finished stage result.

A job is small (paths, versions, settings, origins). Its worker writes the result through the stage store, so that a kill loses
at most the jobs under way.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import polars as pl

from forecasting.errors import DivergedError
from forecasting.evaluation.backtest import backtest
from forecasting.evaluation.leak_check import leak_check
from forecasting.evaluation.selection import inner_score
from forecasting.forecasters.catalog import load_forecaster
from forecasting.forecasters.checkpoints import CheckpointFolder
from forecasting.forecasters.local import LocalForecaster
from forecasting.forecasters.protocol import Forecaster, Task, no_progress
from forecasting.forecasters.recurrent import RecurrentForecaster
from forecasting.forecasters.recurrent_settings import RecurrentSettings
from forecasting.series.arrays import Origins, SeriesArrays
from forecasting.series.as_of import as_of
from forecasting.series.cutoffs import inner_origins
from forecasting.series.dataset import Dataset
from forecasting.stages import StageResult, StageStore, write_json
from forecasting.training.devices import resolve

WorkerProgress = Callable[[int, int, str], None]

# Enough series to catch a leak in the code path, few enough to cost next to nothing beside the backtest.
LEAK_SAMPLE = 8

# A result may serve several runs (the same data and recipe under another gate); each puts its own id in when it reads it.
UNNAMED = "-"


@dataclass(frozen=True)
class TrainJob:
    """Fit one network on rows up to `until`; without inner cutoffs for exactly `stop_after` steps."""

    inputs: dict[str, Any]  # what the result depends on
    store: Path
    settings: RecurrentSettings
    task: Task
    dataset: Dataset
    until: Origins
    inner: Origins
    stop_after: int | None
    metric: str
    fallback: str
    seed: int
    device: str
    serving: dict[str, Any]  # how a served copy reads the series


def train(job: TrainJob, progress: WorkerProgress) -> StageResult:
    """The fitted network's state folder; a fit that diverged leaves a result that says so. Goes on where a kill stopped it."""

    store = StageStore(job.store)

    def build(folder: Path) -> dict[str, Any]:
        arrays = as_of(job.dataset.arrays(), job.until)
        forecaster = RecurrentForecaster(job.settings, job.task, job.seed, job.device)
        try:
            report = forecaster.fit(
                arrays, job.until, job.inner, progress, stop_after=job.stop_after, checkpoints=checkpoints
            )
        except DivergedError as error:
            return {"failed": f"diverged: {error}", "history": error.history}
        forecaster.save(folder / "state")
        write_json(folder / "state" / "serving.json", job.serving)
        score = inner_score(forecaster, job.fallback, arrays, job.inner, job.metric) if len(job.inner) else None
        return {
            "best_step": report.best_step,
            "best_loss": report.best_loss,
            "fit_seconds": report.seconds,
            "inner_score": score,
            "history": report.history,
            "profiles": report.profiles,
            "resolved": asdict(forecaster.resolved or job.settings),
            "notes": report.notes,
        }

    # A fit that a kill cut short left its checkpoints under the same inputs, and goes on from them.
    checkpoints = CheckpointFolder(store.unfinished("train", job.inputs), resolve(job.device))
    result = store.run("train", job.inputs, build)
    checkpoints.clear()
    return result


@dataclass(frozen=True)
class BacktestJob:
    """Forecast every evaluation cutoff with one fitted network; with `refit`, train again at each."""

    inputs: dict[str, Any]
    store: Path
    state: Path
    refit: TrainJob | None  # the recipe, where each cutoff gets its own fit
    inner_windows: int
    step_size: int
    dataset: Dataset
    origins: Origins
    fallback: str
    seed: int
    device: str


def backtest_network(job: BacktestJob, progress: WorkerProgress) -> StageResult:
    """`backtest.parquet` (BacktestTable) and the leak check of one network."""

    def build(folder: Path) -> dict[str, Any]:
        arrays = job.dataset.arrays()
        parts, seconds, n_diverged = [], 0.0, 0
        windows = sorted(set(job.origins.window.tolist()))
        forecaster = load_forecaster(job.state, job.device)
        groups = [job.origins.take(job.origins.window == w) for w in windows] if job.refit else [job.origins]
        for i, origins in enumerate(groups):
            if job.refit and i:
                try:
                    forecaster = _refit(job.refit, arrays, origins, job.inner_windows, job.step_size)
                except DivergedError:
                    n_diverged += 1  # the fit of the cutoff before goes on; it knows nothing later
            frame, spent = backtest(forecaster, job.fallback, arrays, origins, UNNAMED, progress)
            parts.append(frame)
            seconds += spent
        told = _finish(folder, pl.concat(parts), seconds, forecaster, arrays, job.origins, job.seed)
        return told | {"n_diverged_refits": n_diverged}

    return StageStore(job.store).run("backtest", job.inputs, build)


def backtest_baseline(
    store: Path,
    inputs: dict[str, Any],
    forecaster: LocalForecaster,
    dataset: Dataset,
    origins: Origins,
    fallback: str,
    seed: int,
    progress: WorkerProgress,
) -> StageResult:
    """The same for a baseline, which spreads its series over processes itself."""

    def build(folder: Path) -> dict[str, Any]:
        arrays = dataset.arrays()
        frame, seconds = backtest(forecaster, fallback, arrays, origins, UNNAMED, progress)
        single = LocalForecaster(forecaster.settings, forecaster.task, workers=1)
        return _finish(folder, frame, seconds, single, arrays, origins, seed)

    return StageStore(store).run("backtest", inputs, build)


def _refit(recipe: TrainJob, arrays: SeriesArrays, origins: Origins, inner_windows: int, step_size: int) -> Forecaster:
    known = as_of(arrays, origins)
    inner = inner_origins(known, origins, recipe.task.horizon, inner_windows, step_size)
    forecaster = RecurrentForecaster(recipe.settings, recipe.task, recipe.seed, recipe.device)
    forecaster.fit(known, origins, inner, no_progress)
    return forecaster


def _finish(
    folder: Path,
    frame: pl.DataFrame,
    seconds: float,
    forecaster: Forecaster,
    arrays: SeriesArrays,
    origins: Origins,
    seed: int,
) -> dict[str, Any]:
    frame.write_parquet(folder / "backtest.parquet")
    newest = origins.take(origins.window == origins.window.max())
    sample = newest.take(slice(0, None, max(1, len(newest) // LEAK_SAMPLE)))
    leak = leak_check(forecaster, arrays, sample, seed)
    return {
        "n_rows": frame.height,
        "n_fallback": frame.filter(pl.col("fallback").is_not_null()).select("unique_id", "cutoff").n_unique(),
        "predict_seconds": seconds,
        "leak_checked": leak.checked,
        "leak_moved": leak.moved,
    }
