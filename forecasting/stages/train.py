"""The fourth stage: every network is fitted, blends are weighed, and the candidate is the best on the inner cutoffs.

What is chosen there is chosen by `held_back`, fits that saw none of the inner cutoffs' targets; `evaluated` is what goes into
the backtest: the same fits, or further ones on the whole history.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from forecasting.forecasters.saved import SavedState
from forecasting.reporting.reporter import listening
from forecasting.results import Result
from forecasting.schema import BlendOutcome, TrainSummary
from forecasting.stages.blend import blend
from forecasting.stages.fits import Fitted, Order, fit_forecasters
from forecasting.stages.ingest import Ingested
from forecasting.stages.jobs.fit import Recipe
from forecasting.stages.plan import Plan
from forecasting.stages.states import baseline_states
from forecasting.stages.tune import Tuned
from forecasting.stages.window import Windowed


@dataclass(frozen=True, kw_only=True)
class Trained:
    """Fits and recipes by forecaster, blends by name, and the candidate (None: there is no network to compare)."""

    recipes: Mapping[str, Recipe]
    held_back: Mapping[str, Fitted]
    evaluated: Mapping[str, Fitted]
    blends: Mapping[str, Result[BlendOutcome]]
    baselines: Mapping[str, SavedState]
    candidate: str | None
    summary: TrainSummary

    @property
    def fitted(self) -> dict[str, Fitted]:
        """Networks whose fit came to an end."""
        return {name: result for name, result in self.evaluated.items() if result.outcome.failed is None}

    @property
    def states(self) -> dict[str, SavedState]:
        """The evaluated states of all networks, blends and baselines."""
        made: dict[str, Result[Any]] = {**self.fitted, **self.blends}
        return {name: SavedState.at(result.folder / "state") for name, result in made.items()} | dict(self.baselines)


def train(plan: Plan, data: Ingested, windowed: Windowed, tuned: Tuned) -> Trained:
    """Fit every network on rows up to the first evaluation cutoff."""
    recipes = _recipes(plan, windowed, tuned)
    fits = fit_forecasters(plan, data, [Order(recipe=recipe, label=name) for name, recipe in recipes.items()])
    evaluated = {name: fit.evaluated for name, fit in zip(recipes, fits, strict=True)}
    held_back = {name: fit.held_back for name, fit in zip(recipes, fits, strict=True)}
    failed = {n: r.outcome.failed for n, r in evaluated.items() if r.outcome.failed is not None}
    for name, why in failed.items():
        listening().warn(f"{name} is out of the comparison: {why}")
    fitted = {name: result for name, result in evaluated.items() if name not in failed}
    baselines = baseline_states(plan, data)
    blends = blend(
        plan,
        data,
        windowed=windowed,
        held_back={n: held_back[n] for n in fitted},
        evaluated=fitted,
        baselines=baselines,
    )
    scored: dict[str, Fitted | Result[BlendOutcome]] = {**fitted, **blends}
    scores = {n: r.outcome.inner_score for n, r in scored.items() if r.outcome.inner_score is not None}
    candidate = min(scores, key=lambda n: (scores[n], n)) if scores else None
    results: list[Result[Any]] = [*evaluated.values(), *blends.values()]
    return Trained(
        recipes=recipes,
        held_back=held_back,
        evaluated=evaluated,
        blends=blends,
        baselines=baselines,
        candidate=candidate,
        summary=TrainSummary(
            candidate=candidate,
            inner_scores=scores,
            failed=failed,
            reused=bool(results) and all(result.reused for result in results),
        ),
    )


def _recipes(plan: Plan, windowed: Windowed, tuned: Tuned) -> dict[str, Recipe]:
    """The evaluated fit of each network, tuned values in place."""
    return {
        given.name: Recipe(
            settings=tuned.settings_of(given),
            task=plan.task,
            until=windowed.until,
            inner=windowed.inner,
            metric=plan.metric,
            fallback=plan.fallback,
            seed=plan.seed_of(given.name),
            whole_history=windowed.whole_history,
        )
        for given in plan.config.forecasters
    }
