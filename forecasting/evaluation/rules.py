"""The gate's rules, each with its evidence: what was measured, what is needed, and whether it is.

Comes in: the candidate's lead and the facts known of it. Goes out: one `Rule` each; a rule that does not apply says why.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from forecasting.evaluation.significance import FEWEST_GROUPS, Significance

RELOADED_WITHIN = 1e-6  # relative; kernels round by a row's place in the batch


@dataclass(frozen=True)
class Standards:
    """What is needed, as `PromotionSettings` has it."""

    min_skill: float
    confidence: float
    min_evidence: int
    champion_tolerance: float
    coverage_tolerance: float | None
    max_fallback: float


@dataclass(frozen=True)
class Facts:
    """What is known of a candidate beside its scores; null: not known, with the reason where it matters."""

    coverage: float | None = None
    nominal_coverage: float | None = None
    leaks: int | None = None  # forecasts that moved with the future
    leaks_checked: int = 0
    reload_difference: float | None = None  # largest relative difference after loading in a fresh process
    n_forecasts: int | None = None  # pairs of series and cutoff with a forecast
    n_wanted: int | None = None
    n_fallback: int | None = None
    no_champion: str = "there is none yet"  # why there is no champion to compare with


@dataclass(frozen=True)
class Rule:
    """One rule: `value` against `bar`; `passed` is None where the rule does not apply."""

    name: str
    passed: bool | None
    value: float | None
    bar: float | None
    detail: str


def rules_of(
    lead: Significance | None, over_champion: float | None, champion: str | None, facts: Facts, needed: Standards
) -> tuple[Rule, ...]:
    """All rules in their order; `over_champion` is the skill against the present champion."""
    return (
        _enough_evidence(lead, needed),
        _skill(lead, needed),
        _skill_bound(lead, needed),
        _champion(over_champion, champion, facts, needed),
        _coverage(facts, needed),
        _leak_check(facts),
        _reload(facts),
        _complete(facts, needed),
    )


def rules_table(rules: Sequence[Rule]) -> pl.DataFrame:
    """Columns rule, passed (yes, no, does not apply), value, needed, detail."""
    said = {True: "yes", False: "no", None: "does not apply"}
    rows = [(r.name, said[r.passed], r.value, r.bar, r.detail) for r in rules]
    schema = {"rule": pl.String, "passed": pl.String, "value": pl.Float64, "needed": pl.Float64, "detail": pl.String}
    return pl.DataFrame(rows, schema=schema, orient="row")


def _enough_evidence(lead: Significance | None, needed: Standards) -> Rule:
    n_pairs, n_groups = (lead.n_pairs, lead.n_groups) if lead else (0, 0)
    enough = n_pairs >= needed.min_evidence and n_groups >= FEWEST_GROUPS
    kind = lead.kind if lead else "series"
    detail = (
        f"{n_pairs} pairs of series and cutoff in {n_groups} groups ({kind}), at least {needed.min_evidence} in "
        f"{FEWEST_GROUPS} are needed"
    )
    return Rule("enough_evidence", enough, float(n_pairs), float(needed.min_evidence), detail)


def _skill(lead: Significance | None, needed: Standards) -> Rule:
    value = lead.skill if lead else None
    passed = value is not None and value > needed.min_skill
    return Rule("skill", passed, _finite(value), needed.min_skill, "1 - error / error of the baseline to beat")


def _skill_bound(lead: Significance | None, needed: Standards) -> Rule:
    low = lead.low if lead else None
    sure = lead is not None and lead.probability >= needed.confidence
    passed = sure and low is not None and low > needed.min_skill
    told = "over 99.9" if lead and lead.probability > 0.999 else f"{100 * lead.probability:.1f}" if lead else "0"
    detail = f"lower bound of the skill; it is {told} % sure that the skill is above, {100 * needed.confidence:g} % is needed"
    return Rule("skill_bound", passed, _finite(low), needed.min_skill, detail)


def _champion(skill: float | None, champion: str | None, facts: Facts, needed: Standards) -> Rule:
    if champion is None or skill is None:
        return Rule("champion", None, None, -needed.champion_tolerance, facts.no_champion)
    passed = skill >= -needed.champion_tolerance
    detail = f"skill against the present champion, {champion}, on the same cutoffs"
    return Rule("champion", passed, _finite(skill), -needed.champion_tolerance, detail)


def _coverage(facts: Facts, needed: Standards) -> Rule:
    if needed.coverage_tolerance is None:
        return Rule("coverage", None, facts.coverage, None, "coverage_tolerance is null: any coverage will do")
    if facts.coverage is None or facts.nominal_coverage is None:
        return Rule("coverage", None, None, needed.coverage_tolerance, "the coverage was not measured")
    miss = abs(facts.coverage - facts.nominal_coverage)
    detail = f"{facts.coverage:.1%} of the values lie in the interval meant for {facts.nominal_coverage:.0%}"
    return Rule("coverage", miss <= needed.coverage_tolerance + 1e-12, miss, needed.coverage_tolerance, detail)


def _leak_check(facts: Facts) -> Rule:
    if facts.leaks is None:
        return Rule("leak_check", None, None, 0.0, "not checked")
    detail = f"{facts.leaks} of {facts.leaks_checked} forecasts moved when the values after the cutoff were changed"
    return Rule("leak_check", facts.leaks == 0 and facts.leaks_checked > 0, float(facts.leaks), 0.0, detail)


def _reload(facts: Facts) -> Rule:
    value = facts.reload_difference
    if value is None:
        return Rule("reload", None, None, RELOADED_WITHIN, "not tried: only where all else is passed")
    detail = "largest relative difference of a forecast after loading in a fresh process"
    return Rule("reload", value <= RELOADED_WITHIN, _finite(value), RELOADED_WITHIN, detail)


def _complete(facts: Facts, needed: Standards) -> Rule:
    if facts.n_forecasts is None or facts.n_wanted is None:
        return Rule("complete", None, None, needed.max_fallback, "not counted")
    fallbacks = facts.n_fallback or 0
    share = fallbacks / facts.n_wanted if facts.n_wanted else 0.0
    passed = facts.n_forecasts == facts.n_wanted and share <= needed.max_fallback
    detail = f"{facts.n_forecasts} of {facts.n_wanted} wanted forecasts, {fallbacks} of them by the fallback"
    return Rule("complete", passed, share, needed.max_fallback, detail)


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
