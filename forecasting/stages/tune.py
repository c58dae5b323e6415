"""The third stage: settings are searched on inner cutoffs, before every evaluation cutoff; one study for each network."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass

from forecasting.forecasters.recurrent.settings import RecurrentSettings, settings_from_dict
from forecasting.reporting.reporter import listening
from forecasting.results import Result
from forecasting.schema import StudyOutcome, TuneSummary
from forecasting.stages.ingest import Ingested
from forecasting.stages.plan import Plan
from forecasting.stages.window import Windowed
from forecasting.tuning.space import apply
from forecasting.tuning.study import StudyJob, create_storage


@dataclass(frozen=True, kw_only=True)
class Tuned:
    """The finished studies, by the name of their forecaster."""

    studies: Mapping[str, Result[StudyOutcome]]
    summary: TuneSummary

    def settings_of(self, settings: RecurrentSettings) -> RecurrentSettings:
        """A network's settings with the best trial's values in place."""
        study = self.studies.get(settings.name)
        return settings_from_dict(apply(asdict(settings), study.outcome.best_values)) if study else settings


def tune(plan: Plan, data: Ingested, windowed: Windowed) -> Tuned:
    """Search settings with Optuna on inner cutoffs, before every evaluation cutoff."""
    jobs = study_jobs(plan, data, windowed)
    if jobs:
        create_storage(jobs[0].storage)
    results = plan.results.run(jobs, listening().progress)
    studies = {job.settings.name: result for job, result in zip(jobs, results, strict=True)}
    summary = TuneSummary(
        n_studies=len(jobs),
        n_trials=sum(len(result.outcome.trials) for result in results),
        best={name: result.outcome.best_values for name, result in studies.items()},
        reused=bool(jobs) and all(result.reused for result in results),
    )
    return Tuned(studies=studies, summary=summary)


def study_jobs(plan: Plan, data: Ingested, windowed: Windowed) -> list[StudyJob]:
    """One study for each tuned network; none without trials or a space."""
    tuning = plan.config.tuning
    if not tuning.n_trials or not tuning.space:
        return []
    asked = plan.config.forecasters
    return [
        StudyJob(
            prefix=f"{plan.config.name}/{settings.name}",
            settings=settings,
            space=tuning.space,
            n_trials=tuning.n_trials,
            inner_windows=windowed.inner_windows,
            metric=plan.metric,
            fallback=plan.fallback,
            task=plan.task,
            dataset=data.dataset,
            until=windowed.until,
            seed=plan.seed_of(settings.name),
            device=plan.device,
            storage=tuning.storage or plan.paths.optuna,
        )
        for settings in asked
        if tuning.forecasters is None or settings.name in tuning.forecasters
    ]
