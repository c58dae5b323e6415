"""Blends in a run: which there are, each with weights from the inner cutoffs, so that blends compete as candidates."""

from collections.abc import Mapping
from functools import partial

from forecasting.forecasters.baselines.table import BASELINES
from forecasting.forecasters.blend import BLEND, NETWORKS, BlendSettings
from forecasting.forecasters.saved import SavedState, load_forecaster
from forecasting.reporting.reporter import listening
from forecasting.results import Result
from forecasting.schema import BlendOutcome
from forecasting.series.arrays.as_of import as_of
from forecasting.stages.fits import Fitted
from forecasting.stages.ingest import Ingested
from forecasting.stages.jobs.blend import BlendJob
from forecasting.stages.plan import Plan
from forecasting.stages.states import serving_of
from forecasting.stages.window import Windowed


def blend(
    plan: Plan,
    data: Ingested,
    windowed: Windowed,
    held_back: Mapping[str, Fitted],
    evaluated: Mapping[str, Fitted],
    baselines: Mapping[str, SavedState],
) -> dict[str, Result[BlendOutcome]]:
    """The blends of a run by name, each with its weights; none without inner cutoffs to take weights from.

    Weights are those of the networks `held_back`; what is blended are the networks `evaluated`.
    """
    if not len(windowed.inner):
        return {}
    weighed, blended = (
        {name: SavedState.at(result.folder / "state") for name, result in of.items()} | dict(baselines)
        for of in (held_back, evaluated)
    )
    jobs = [
        BlendJob(
            name=settings.name,
            task=plan.task,
            held_back=tuple(weighed[name] for name in settings.members),
            evaluated=tuple(blended[name] for name in settings.members),
            dataset=data.dataset,
            until=windowed.until,
            inner=windowed.inner,
            metric=plan.metric,
            fallback=plan.fallback,
            device=plan.device,
            cache=plan.paths.forecast_cache,
            serving=serving_of(plan, data),
        )
        for settings in _asked(plan, list(evaluated))
    ]
    missing = [job for job in jobs if plan.results.find(job) is None]
    members = {state.digest for job in missing for state in job.held_back}
    _remember(plan, windowed, {name: state for name, state in baselines.items() if state.digest in members})
    results = plan.results.run(jobs, listening().progress)
    return {job.name: result for job, result in zip(jobs, results, strict=True)}


def _asked(plan: Plan, networks: list[str]) -> list[BlendSettings]:
    """The blends of the config; `auto`: all networks (the pure network of a leaderboard), and these with every baseline."""
    baselines = [baseline.name for baseline in plan.config.baselines]
    if not isinstance(plan.config.blends, str):
        known = {*networks, *baselines}  # a network whose fit failed is none of them
        return [settings for settings in plan.config.blends if set(settings.members) <= known]
    made = [BlendSettings(NETWORKS, networks)] if len(networks) > 1 else []
    return [*made, BlendSettings(BLEND, [*networks, *baselines])] if networks else []


def _remember(plan: Plan, windowed: Windowed, baselines: Mapping[str, SavedState]) -> None:
    """What baselines forecast at the inner cutoffs, in all processes at once: the blends then find it in their cache."""
    arrays = as_of(windowed.arrays, windowed.until)
    kinds = {baseline.name: baseline.kind for baseline in plan.config.baselines}
    for name, state in baselines.items():
        if not BASELINES[kinds[name]].closed_form:
            forecaster = load_forecaster(state.folder, "cpu", plan.workers, plan.paths.forecast_cache)
            forecaster.forecast(arrays, windowed.inner, partial(listening().progress, f"fit {name}"))
