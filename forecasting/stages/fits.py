"""Fits of forecasters from fits of their networks: trained apart, in parallel, then put together and calibrated.

A network that diverged is left out, with a note, and a forecaster all of whose networks diverged has failed.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from pydantic import JsonValue

from forecasting.forecasters.recurrent.ensemble import members_of
from forecasting.forecasters.recurrent.settings import RecurrentSettings, in_steps, settings_from_dict
from forecasting.reporting.reporter import listening
from forecasting.results import Result
from forecasting.schema import EnsembleOutcome, FitOutcome
from forecasting.stages.ingest import Ingested
from forecasting.stages.jobs.fit import FEW, AssembleJob, FitJob, Recipe
from forecasting.stages.plan import Plan
from forecasting.stages.states import serving_of

Fitted = Result[EnsembleOutcome]


@dataclass(frozen=True, kw_only=True)
class Member:
    """One network of a forecaster: its settings and its seed."""

    settings: RecurrentSettings
    seed: int


@dataclass(frozen=True, kw_only=True)
class Order:
    """One forecaster to be fitted; `members` and `calibration` are those of an earlier fit that is done again on more rows."""

    recipe: Recipe
    label: str
    members: tuple[Member, ...] = ()
    calibration: dict[str, JsonValue] | None = None


@dataclass(frozen=True, kw_only=True)
class Fits:
    """`held_back` saw no target of the inner cutoffs, so that its forecasts there may be scored and weighed; `evaluated`
    is what forecasts from then on: the same fit, or a further one on the whole history.
    """

    held_back: Fitted
    evaluated: Fitted


def fit_forecasters(plan: Plan, data: Ingested, orders: Sequence[Order]) -> list[Fits]:
    """The fitted states of every order, networks trained side by side; what was done before is found again."""
    first = _fitted(plan, data, orders)
    again = [
        i
        for i, (order, result) in enumerate(zip(orders, first, strict=True))
        if order.recipe.whole_history and len(order.recipe.inner) and result.outcome.failed is None
    ]
    todo = [_on_whole_history(orders[i], first[i]) for i in again]
    second = dict(zip(again, _fitted(plan, data, todo), strict=True))
    return [
        Fits(held_back=result, evaluated=merged(result, second.get(i), orders[i].label))
        for i, result in enumerate(first)
    ]


def merged(first: Fitted, second: Fitted | None, label: str) -> Fitted:
    """The second fit's state; its course, scores and choice of steps are the first one's, seconds those of both."""
    if second is None:
        return first
    if second.outcome.failed is not None:
        listening().warn(
            f"{label} is evaluated as it was fitted without the inner cutoffs: on the whole history it {second.outcome.failed}"
        )
        return first
    seconds = {"held_back": first.outcome.fit_seconds, "whole_history": second.outcome.fit_seconds}
    lost = sum(int(str(result.outcome.notes["n_lost_members"])) for result in (first, second))
    outcome = first.outcome.model_copy(
        update={
            "members": second.outcome.members,
            "notes": second.outcome.notes | {"n_lost_members": lost},
            "fit_seconds": sum(seconds.values()),
            "seconds_of": seconds,
        }
    )
    reused, took = first.reused and second.reused, first.seconds + second.seconds
    return replace(second, outcome=outcome, reused=reused, seconds=took)


def fitted_members(result: Fitted, *, stop: bool) -> tuple[Member, ...]:
    """The networks of a fit with nothing left to adapt: more rows must not change what adapts to their number.

    With `stop` a further fit takes as many steps as were best, with a whole schedule of their own.
    """
    found = []
    for m in result.outcome.members:
        settings = settings_from_dict(m.resolved)
        found.append(Member(settings=in_steps(settings, m.best_step) if stop else settings, seed=m.seed))
    return tuple(found)


def _on_whole_history(order: Order, first: Fitted) -> Order:
    """The same networks for as many steps as were best, with no row held back; calibrated as the first fit was."""
    return Order(
        recipe=replace(order.recipe, inner=order.recipe.inner.take(slice(0))),
        label=f"{order.label} again on the whole history",
        members=fitted_members(first, stop=True),
        calibration=first.outcome.calibration,
    )


def _fitted(plan: Plan, data: Ingested, orders: Sequence[Order]) -> list[Fitted]:
    """The state of every order's ensemble."""
    jobs = [_fit_jobs(plan, data, order) for order in orders]
    results = iter(plan.results.run([job for of in jobs for job in of], listening().progress))
    made = [tuple(next(results) for _ in of) for of in jobs]
    apart = sum(len(order.recipe.inner) * len(of) for order, of in zip(orders, made, strict=True)) > FEW
    todo = [_assembly(plan, data, order, of, apart) for order, of in zip(orders, made, strict=True)]
    whole = plan.results.run(todo, listening().progress)
    return [
        replace(result, reused=result.reused and all(member.reused for member in of))
        for result, of in zip(whole, made, strict=True)
    ]


def _fit_jobs(plan: Plan, data: Ingested, order: Order) -> list[FitJob]:
    """One job per network: as the settings say, or as an earlier fit had them."""
    recipe = order.recipe
    members = order.members or tuple(
        Member(settings=member.settings, seed=member.seed) for member in members_of(recipe.settings, recipe.seed)
    )
    return [
        FitJob(
            name=f"train {order.label}" + ("" if len(members) == 1 else f" {number}/{len(members)}"),
            settings=member.settings,
            task=recipe.task,
            dataset=data.dataset,
            until=recipe.until,
            inner=recipe.inner,
            seed=member.seed,
            device=plan.device,
        )
        for number, member in enumerate(members, 1)
    ]


def _assembly(
    plan: Plan, data: Ingested, order: Order, members: tuple[Result[FitOutcome], ...], apart: bool
) -> AssembleJob:
    recipe = order.recipe
    job = AssembleJob(
        name=f"ensemble {order.label}",
        members=members,
        settings=recipe.settings,
        task=recipe.task,
        dataset=data.dataset,
        until=recipe.until,
        inner=recipe.inner,
        calibration=order.calibration,
        metric=recipe.metric,
        fallback=recipe.fallback,
        device=plan.device,
        serving=serving_of(plan, data),
        apart=apart,
    )
    if 0 < job.n_lost < len(members):
        listening().warn(
            f"{recipe.settings.name} goes on without {job.n_lost} of {len(members)} members, which diverged"
        )
    return job
