"""Fits as jobs for worker processes: each reads the dataset itself and leaves a finished stage result.

A job is small (paths, versions, settings, origins). Its worker writes the result through the stage store, so that a kill loses
at most the jobs under way.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from forecasting.errors import DivergedError
from forecasting.forecasters.checkpoints import CheckpointFolder
from forecasting.forecasters.protocol import Task
from forecasting.forecasters.recurrent import RecurrentForecaster
from forecasting.forecasters.recurrent_settings import RecurrentSettings
from forecasting.series.arrays import Origins
from forecasting.series.as_of import as_of
from forecasting.series.dataset import Dataset
from forecasting.stages import StageResult, StageStore
from forecasting.training.devices import resolve

WorkerProgress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class FittedMember:
    """One network of a forecaster: its settings and its seed."""

    settings: RecurrentSettings
    seed: int


@dataclass(frozen=True)
class TrainJob:
    """Fit one forecaster, or one network of it, on rows up to `until`; without inner cutoffs for `max_steps`.

    `members` and `calibration` come from an earlier fit that is done again on more rows. With `whole_history` a fit with
    inner cutoffs is followed by one without.
    """

    inputs: dict[str, Any]  # what the result depends on
    store: Path
    settings: RecurrentSettings
    task: Task
    dataset: Dataset
    until: Origins
    inner: Origins
    metric: str
    fallback: str
    seed: int
    device: str
    serving: dict[str, Any]  # how a served copy reads the series
    members: tuple[FittedMember, ...] = ()
    calibration: dict[str, Any] | None = None
    whole_history: bool = False


def train(job: TrainJob, progress: WorkerProgress) -> StageResult:
    """The state folder of one fitted network; a fit that diverged leaves a result that says so. Goes on where a kill stopped it."""

    store = StageStore(job.store)

    def build(folder: Path) -> dict[str, Any]:
        arrays = as_of(job.dataset.arrays(), job.until)
        forecaster = RecurrentForecaster(job.settings, job.task, job.seed, job.device)
        try:
            report = forecaster.fit(arrays, job.until, job.inner, progress, checkpoints=checkpoints)
        except DivergedError as error:
            return {"failed": f"diverged: {error}", "history": error.history}
        forecaster.save(folder / "state")
        return {
            "best_step": report.best_step,
            "best_loss": report.best_loss,
            "fit_seconds": report.seconds,
            "seed": job.seed,
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
