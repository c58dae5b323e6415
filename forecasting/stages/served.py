"""What the gate let through, fitted once more on all rows: the state that serves."""

from collections.abc import Mapping
from dataclasses import replace

from forecasting.forecasters.saved import SavedState
from forecasting.reporting.reporter import listening
from forecasting.results import Result
from forecasting.schema import BlendOutcome
from forecasting.series.arrays.cutoffs import last_origins
from forecasting.stages.fits import Fitted, Order, fit_forecasters, fitted_members
from forecasting.stages.ingest import Ingested
from forecasting.stages.jobs.blend import FinalBlendJob
from forecasting.stages.plan import Plan
from forecasting.stages.states import serving_of
from forecasting.stages.train import Trained
from forecasting.stages.window import Windowed


def served_state(plan: Plan, data: Ingested, windowed: Windowed, trained: Trained, name: str) -> SavedState:
    """The complete state of what will be served."""
    if name in trained.evaluated:
        return SavedState.at(served_fit(plan, data, windowed, trained, name).folder / "state")
    if name in trained.baselines or not plan.config.training.final_fit:
        return trained.states[name]
    evaluated = trained.blends[name]
    members = [member for member in evaluated.outcome.members if member in trained.fitted]
    finals = {member: served_fit(plan, data, windowed, trained, member) for member in members}
    states = trained.states | {member: SavedState.at(result.folder / "state") for member, result in finals.items()}
    return SavedState.at(_final_blend(plan, data, name, evaluated, states).folder / "state")


def served_fit(plan: Plan, data: Ingested, windowed: Windowed, trained: Trained, name: str) -> Fitted:
    """The network that is served: fitted once more on all rows, or the evaluated one as it is."""
    evaluated = trained.evaluated[name]
    if not plan.config.training.final_fit:
        return evaluated
    until = last_origins(windowed.arrays, data.dataset.reading.align)
    order = Order(
        recipe=replace(trained.recipes[name], until=until, inner=until.take(slice(0))),
        label=f"final fit {name}",
        members=fitted_members(evaluated, stop=True),
        calibration=evaluated.outcome.calibration,
    )
    (fits,) = fit_forecasters(plan, data, [order])
    if fits.evaluated.outcome.failed is not None:
        why = fits.evaluated.outcome.failed
        listening().warn(f"the final fit of {name} failed ({why}): the evaluated one serves")
        return evaluated
    return fits.evaluated


def _final_blend(
    plan: Plan, data: Ingested, name: str, evaluated: Result[BlendOutcome], states: Mapping[str, SavedState]
) -> Result[BlendOutcome]:
    """The blend that is served: the weights of the evaluated one over members fitted once more on all rows."""
    job = FinalBlendJob(
        name=name,
        evaluated=SavedState.at(evaluated.folder / "state"),
        members=tuple(states[member] for member in evaluated.outcome.members),
        serving=serving_of(plan, data),
    )
    (result,) = plan.results.run([job])
    return result
