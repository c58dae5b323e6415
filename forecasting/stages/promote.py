"""The sixth stage: the gate judges the candidate, and what passes is fitted, registered and pointed to as champion."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np
import polars as pl

from forecasting.evaluation.gate import Verdict, decide
from forecasting.evaluation.metrics import nominal_coverage
from forecasting.evaluation.rules import Facts, rules_table
from forecasting.forecasters.saved import SavedState
from forecasting.processes import beside
from forecasting.schema import CUTOFF, DS, UNIQUE_ID, Y_HAT, PromoteSummary, RuleRow, Served
from forecasting.stages.backtest import Compared
from forecasting.stages.champion import champion_of, point_to, read_champion, served_part, step_back
from forecasting.stages.comparison import Tested
from forecasting.stages.ingest import Ingested
from forecasting.stages.jobs.reload import ReloadJob, reload
from forecasting.stages.plan import Plan
from forecasting.stages.served import served_state
from forecasting.stages.train import Trained
from forecasting.stages.window import Windowed

RELOAD_SAMPLE = 8  # series


class Registry(Protocol):
    """Where versions are registered; a null object where there is none."""

    @property
    def mlflow_run_id(self) -> str | None:
        """The run that the evidence lies in, None where MLflow cannot be asked."""
        ...

    def register_champion(self, state: Path, model: str, verdict: Verdict) -> str | None:
        """Register what serves from now on; the version, None where it cannot be registered."""
        ...

    def register_challenger(self, state: Path, model: str, verdict: Verdict) -> str | None:
        """Register the candidate that did not pass, with the reason."""
        ...

    def move_champion(self, version: str) -> None:
        """An earlier version is the champion again."""
        ...


@dataclass(frozen=True, kw_only=True)
class Promoted:
    """The gate's verdict, and what serves after it."""

    verdict: Verdict
    compared: Compared  # what it was found on
    served: Served
    mlflow_run_id: str | None
    summary: PromoteSummary


def promote(
    plan: Plan, data: Ingested, windowed: Windowed, trained: Trained, compared: Compared, registry: Registry
) -> Promoted:
    """Let the gate decide what is served, and register it as champion."""
    verdict, fitted = _judged(plan, data, windowed, trained, compared)
    before = read_champion(plan.paths)
    if verdict.decision == "kept":
        served = served_part(champion_of(plan.paths))
    else:
        state = fitted or served_state(plan, data, windowed, trained, verdict.champion)
        version = registry.register_champion(state.folder, verdict.champion, verdict)
        served = _served(data, compared, verdict, state, version)
        point_to(plan.paths, served)
    if trained.candidate is not None and verdict.decision != "promoted":
        loser = compared.tested[trained.candidate].model.state
        registry.register_challenger(loser.folder, trained.candidate, verdict)
    told = served.model_dump() | {"decision": verdict.decision}
    summary = PromoteSummary(
        **told,
        sentence=verdict.sentence,
        rules=[RuleRow(**row) for row in rules_table(verdict.rules).to_dicts()],
        reused=before is not None and before.digest == served.digest,
    )
    return Promoted(
        verdict=verdict, compared=compared, served=served, mlflow_run_id=registry.mlflow_run_id, summary=summary
    )


def roll_back(plan: Plan, registry: Registry) -> PromoteSummary:
    """The champion before the present one serves again."""
    champion = step_back(plan.paths)
    registry.move_champion(champion.version)
    return PromoteSummary(
        **served_part(champion).model_dump(),
        sentence=f"{champion.model}, version {champion.version}, serves again: the champion after it was rolled back.",
        rules=[],
    )


def _judged(
    plan: Plan, data: Ingested, windowed: Windowed, trained: Trained, compared: Compared
) -> tuple[Verdict, SavedState | None]:
    """The verdict, and what serves after it where that was fitted on the way.

    The reload takes seconds of one process and is tried only where all other rules are passed; another process fits what
    would serve meanwhile.
    """
    facts = _facts(plan, windowed, trained, compared)
    verdict = _decide(plan, windowed, trained, compared, facts)
    if verdict.decision != "promoted":
        return verdict, None
    tested = compared.tested[verdict.champion]
    job = _reload_job(plan, data, windowed, tested)
    with beside(reload, job) as reloaded:
        state = served_state(plan, data, windowed, trained, verdict.champion) if plan.workers > 1 else None
        again = reloaded()
    facts = replace(facts, reload_difference=_largest_difference(tested, again))
    verdict = _decide(plan, windowed, trained, compared, facts)
    return verdict, state if verdict.decision == "promoted" else None


def _reload_job(plan: Plan, data: Ingested, windowed: Windowed, tested: Tested) -> ReloadJob:
    """Forecasts of the newest cutoff again, from the saved state in a fresh process."""
    origins = windowed.origins
    newest = origins.take(origins.window == origins.window.max())
    sample = newest.take(slice(0, None, max(1, len(newest) // RELOAD_SAMPLE)))
    state = tested.model.refits[-1][1] if tested.model.refits else tested.model.state
    return ReloadJob(state=state, dataset=data.dataset, origins=sample, fallback=plan.fallback, device=plan.device)


def _largest_difference(tested: Tested, again: pl.DataFrame) -> float:
    """The largest relative difference of forecasts that were made again to those of the backtest."""
    key = [UNIQUE_ID, CUTOFF, DS]
    there = tested.scan("backtest").join(again.lazy().select(key), on=key, how="semi").collect()
    both = there.join(again, on=key, how="full", suffix="_again")
    names = [Y_HAT, *(c for c in again.columns if c[:1] == "q" and c[1:2].isdigit())]
    differences = [_relative(both[name], both[f"{name}_again"]) for name in names]
    return max(differences, default=np.inf)


def _served(data: Ingested, compared: Compared, verdict: Verdict, state: SavedState, version: str | None) -> Served:
    model = compared.tested[verdict.champion].model
    return Served(
        model=verdict.champion,
        kind=model.kind,
        version=version or "unregistered",
        digest=state.digest,
        folder=str(state.folder),
        evaluated=str(model.state.folder),
        decision=verdict.decision,
        run_id=data.run_id,
    )


def _relative(first: pl.Series, again: pl.Series) -> float:
    a, b = first.to_numpy(), again.to_numpy()
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        return float("inf")
    size = np.maximum(np.abs(a), np.abs(b)).max(initial=0.0)
    return float(np.abs(a - b).max(initial=0.0) / size) if size else 0.0


def _decide(plan: Plan, windowed: Windowed, trained: Trained, compared: Compared, facts: Facts) -> Verdict:
    config, present = plan.config, compared.present.name
    sound = _sound(compared, [baseline.name for baseline in config.baselines])
    if present == trained.candidate:
        facts, present = replace(facts, no_champion="the candidate is the present champion"), None
    scores = compared.comparison.scores.filter(pl.col("metric") == plan.metric)
    evidence = scores.select(UNIQUE_ID, CUTOFF, "model", "value").collect()
    overlap = windowed.overlap(plan.task.horizon)
    return decide(
        evidence,
        trained.candidate,
        baselines=sound,
        settings=config.promotion,
        seed=config.seed,
        primary_metric=plan.metric,
        facts=facts,
        present=present,
        overlap=overlap,
    )


def _sound(compared: Compared, baselines: Sequence[str]) -> list[str]:
    sound = [name for name in baselines if not compared.tested[name].check.outcome.moved]
    if not sound:
        raise AssertionError("every baseline looks ahead: none can serve")  # a bug of ours, never of the data
    return sound


def _facts(plan: Plan, windowed: Windowed, trained: Trained, compared: Compared) -> Facts:
    """What is known of the candidate beside its scores in the primary metric."""
    if trained.candidate is None:
        return Facts(no_champion=compared.present.reason)
    tested, levels = compared.tested[trained.candidate], plan.task.quantile_levels
    (row,) = compared.comparison.board.filter(pl.col("model") == trained.candidate).to_dicts()
    return Facts(
        coverage=row.get("coverage"),
        nominal_coverage=nominal_coverage(levels) if len(levels) > 1 else None,
        leaks=tested.check.outcome.moved,
        leaks_checked=tested.check.outcome.checked,
        n_forecasts=tested.n_origins,
        n_wanted=len(windowed.origins),
        n_fallback=tested.n_fallback,
        no_champion=compared.present.reason,
    )
