"""One Optuna study for one forecaster: settings are chosen by the primary metric on inner cutoffs, before every evaluation cutoff.

A study is resumed, not repeated: finished trials stay in the storage, a trial that a kill left running is taken up again with
the same values, and each trial's sampler is seeded by the number of finished trials, so that a resumed study draws what an
uninterrupted one would have drawn.
"""

from dataclasses import asdict, dataclass

import numpy as np
import optuna
from optuna.trial import TrialState

from forecasting.errors import DivergedError
from forecasting.evaluation.backtest import inner_score
from forecasting.forecasters.protocol import Task, no_progress
from forecasting.forecasters.recurrent.forecaster import RecurrentForecaster, RecurrentSettings
from forecasting.forecasters.recurrent.settings import settings_from_dict
from forecasting.processes import Progress
from forecasting.results import Aside, Job, Making
from forecasting.schema import StudyOutcome, Trial
from forecasting.series.arrays.as_of import as_of
from forecasting.series.arrays.cutoffs import inner_origins
from forecasting.series.arrays.dataset import Dataset
from forecasting.series.arrays.inner_windows import InnerWindows
from forecasting.series.arrays.series_arrays import Origins, SeriesArrays
from forecasting.tuning.space import Distribution, apply, suggest

FINISHED = (TrialState.COMPLETE, TrialState.PRUNED)


@dataclass(frozen=True, kw_only=True)
class StudyJob(Job[StudyOutcome]):
    """One study; `until` holds one origin per series: the oldest evaluation cutoff.

    In the storage it is named `prefix` and its key: another space or other data is another study.
    """

    kind = "tune"
    outcome = StudyOutcome

    prefix: Aside[str]
    settings: RecurrentSettings
    space: dict[str, Distribution]
    n_trials: int
    inner_windows: InnerWindows
    metric: str
    fallback: str
    task: Task
    dataset: Dataset
    until: Origins
    seed: int
    device: str
    storage: Aside[str]

    @property
    def label(self) -> str:
        """The forecaster whose settings are searched."""
        return f"tune {self.settings.name}"

    def make(self, making: Making) -> StudyOutcome:
        """Run or resume the study."""
        return run_study(self, f"{self.prefix}/{making.key}", making.progress)


def run_study(job: StudyJob, name: str, progress: Progress) -> StudyOutcome:
    """Run or resume the study `name`; trials in the order of their numbers."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        storage=job.storage,
        study_name=name,
        direction="minimize",
        load_if_exists=True,
        pruner=optuna.pruners.MedianPruner(n_startup_trials=4, n_warmup_steps=3),
    )
    _take_up_unfinished(study)
    arrays = as_of(job.dataset.arrays(), job.until)
    inner = inner_origins(arrays, job.until, job.task.horizon, *job.inner_windows)
    while (done := len(study.get_trials(deepcopy=False, states=FINISHED))) < job.n_trials:
        study.sampler = optuna.samplers.TPESampler(seed=job.seed + done, n_startup_trials=5)
        trial = study.ask()
        _run_trial(job, study, trial, arrays, inner)
        progress(done + 1, job.n_trials, _best_text(study, job.metric))
    return _outcome(study)


def create_storage(url: str) -> None:
    """Make the tables of a storage, once, before several workers open it."""
    optuna.storages.RDBStorage(url)


def _run_trial(job: StudyJob, study: optuna.Study, trial: optuna.Trial, arrays: SeriesArrays, inner: Origins) -> None:
    settings = settings_from_dict(apply(asdict(job.settings), suggest(trial, job.space)))

    def on_validation(look: int, loss: float) -> None:
        trial.report(loss, look)
        if trial.should_prune():
            raise optuna.TrialPruned

    forecaster = RecurrentForecaster(settings, job.task, job.seed, job.device)
    try:
        forecaster.fit(arrays, job.until, inner, no_progress, on_validation=on_validation)
        score = inner_score(forecaster, job.fallback, arrays, inner, job.metric)
    except optuna.TrialPruned:
        study.tell(trial, state=TrialState.PRUNED)
        return
    except DivergedError:
        score = float("inf")  # a bad trial, not a lost one: it counts, and the sampler keeps away from it
    study.tell(trial, score if np.isfinite(score) else float("inf"))


def _take_up_unfinished(study: optuna.Study) -> None:
    """Trials left running by a kill are failed and queued again with the values they had; the pipeline's lock says that we are alone."""
    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        study.tell(trial.number, state=TrialState.FAIL)
        if trial.params:
            study.enqueue_trial(trial.params, skip_if_exists=True)


def _best_text(study: optuna.Study, metric: str) -> str:
    complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    return (
        f"best {metric} {min(t.value for t in complete if t.value is not None):.3f}"
        if complete
        else "no trial finished yet"
    )


def _outcome(study: optuna.Study) -> StudyOutcome:
    trials = study.get_trials(deepcopy=False, states=FINISHED)
    rows = [
        Trial(
            number=number,
            state=t.state.name,
            value=t.value if t.state == TrialState.COMPLETE else None,
            values=dict(t.params),
            intermediate={str(k): v for k, v in t.intermediate_values.items()},
            seconds=t.duration.total_seconds() if t.duration else None,
        )
        for number, t in enumerate(sorted(trials, key=lambda t: t.number))
    ]
    return StudyOutcome(best_values=dict(study.best_trial.params), best_score=study.best_value, trials=rows)
