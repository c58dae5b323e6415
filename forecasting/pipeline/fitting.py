"""From a run to its jobs: which study, fit and backtest is to be done with which settings, and what each result depends on."""

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from forecasting.forecasters.recurrent_settings import RecurrentSettings
from forecasting.pipeline.jobs import TrainJob
from forecasting.pipeline.members import fit_forecasters, fitted_members
from forecasting.pipeline.plan import seed_of
from forecasting.pipeline.reporter import listening
from forecasting.series.cutoffs import last_origins
from forecasting.stages import StageResult, key_of
from forecasting.tuning.study import StudyJob

if TYPE_CHECKING:
    from forecasting.pipeline.run import Run


@dataclass(frozen=True)
class TuneJob:
    """A study and what its outcome depends on."""

    inputs: dict[str, Any]
    settings: RecurrentSettings
    study: StudyJob

    @property
    def storage(self) -> str:
        """Where the study lies."""
        return self.study.storage


def tune_jobs(run: "Run") -> list[TuneJob]:
    """One study for each tuned network; none without trials or a space."""
    tuning, made = run.config.tuning, []
    if not tuning.n_trials or not tuning.space:
        return []
    for settings in run.config.forecasters:
        if tuning.forecasters is not None and settings.name not in tuning.forecasters:
            continue
        seed = seed_of(run.config, settings.name)
        space = {key: asdict(value) for key, value in tuning.space.items()}
        inputs = run.inputs | {"settings": asdict(settings), "space": space, "n_trials": tuning.n_trials, "seed": seed}
        study = StudyJob(
            name=f"{run.config.name}/{settings.name}/{key_of('tune', inputs)}",
            settings=settings,
            space=tuning.space,
            n_trials=tuning.n_trials,
            inner_windows=run.inner_windows,
            metric=run.config.evaluation.primary_metric,
            fallback=run.fallback,
            task=run.task,
            dataset=run.dataset,
            until=run.until,
            seed=seed,
            device=run.device,
            storage=tuning.storage or run.paths.optuna,
        )
        made.append(TuneJob(inputs, settings, study))
    return made


def train_jobs(run: "Run") -> list[TrainJob]:
    """The evaluated fit of each network, tuned values in place."""
    made = []
    for given in run.config.forecasters:
        settings, seed = run.settings_of(given), seed_of(run.config, given.name)
        inputs = run.inputs | {"settings": asdict(settings), "seed": seed, "final": False}
        made.append(
            TrainJob(
                inputs,
                run.store.folder,
                settings,
                run.task,
                run.dataset,
                run.until,
                run.inner,
                run.config.evaluation.primary_metric,
                run.fallback,
                seed,
                run.device,
                run.serving,
                whole_history=run.whole_history,
            )
        )
    return made


def final_job(run: "Run", champion: str) -> StageResult:
    """The state of a promoted network that is served: fitted once more on all rows, or the evaluated one as it is."""
    recipe, evaluated = run.recipes[champion], run.trained[champion]
    if not run.config.training.final_fit:
        return evaluated
    until = last_origins(run.arrays, run.reading.align)
    job = replace(
        recipe,
        members=fitted_members(evaluated, stop=True),
        calibration=evaluated.summary["calibration"],
        inputs=recipe.inputs | {"final": True, "evaluated": evaluated.key},
        until=until,
        inner=until.take(slice(0)),
    )
    ((_, result),) = fit_forecasters(run, [job], [f"final fit {champion}"])
    if "failed" in result.summary:
        listening().warn(f"the final fit of {champion} failed ({result.summary['failed']}): the evaluated one serves")
        return evaluated
    return result
