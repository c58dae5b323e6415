"""The promotion gate: a network serves only when it beats the baseline out of sample; else the best baseline serves.

Comes in: the values of the primary metric on the evaluation cutoffs, for the candidate (chosen earlier, on inner
cutoffs), the baselines and the present champion; and what else is known of the candidate. Goes out: a verdict with one
row of evidence per rule, and one sentence. A pure function; it registers and writes nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import polars as pl

from forecasting.errors import InputError, unknown
from forecasting.evaluation.leaderboard import best_of
from forecasting.evaluation.metrics import primary
from forecasting.evaluation.pairs import Groups, Pairs, common_pairs, groups_of
from forecasting.evaluation.rules import Facts, Rule, Standards, rules_of
from forecasting.evaluation.significance import RESAMPLES, Significance, compare
from forecasting.evaluation.verdict_text import Findings, sentence_of

BEST_BASELINE = "best_baseline"
Decision = Literal["promoted", "kept", "rejected", "insufficient", "no_candidate"]


@dataclass(frozen=True, kw_only=True)
class PromotionSettings:
    """The gate: what a candidate must show to be served."""

    __pydantic_config__ = {"extra": "forbid"}  # noqa: RUF012 - read by pydantic where the config file is parsed

    against: str = BEST_BASELINE
    """What the candidate must beat: best_baseline, or a baseline by name. Example: seasonal_naive"""
    min_skill: float = 0.0
    """Least share of the baseline's error that must be saved, in [0, 1). Example: 0.05"""
    confidence: float = 0.95
    """How sure it must be that the skill is above `min_skill`, in [0.5, 1). Example: 0.9"""
    min_evidence: int = 30
    """Least number of pairs of series and cutoff, at least 2; in at least 5 groups. Example: 100"""
    champion_tolerance: float = 0.0
    """How much worse than the present champion a candidate may be, as a skill in [0, 1]. Example: 0.02"""
    coverage_tolerance: float | None = 0.2
    """How far the coverage may lie from the nominal one, in [0, 1]. Null: any distance. Example: 0.1"""
    max_fallback: float = 0.5
    """Largest share of the candidate's forecasts that the fallback may have made, in [0, 1]. Example: 0.1"""

    def __post_init__(self) -> None:
        if not 0 <= self.min_skill < 1:
            raise InputError(f"min_skill must lie in [0, 1), got {self.min_skill}: set promotion.min_skill")
        if not 0.5 <= self.confidence < 1:
            raise InputError(f"confidence must lie in [0.5, 1), got {self.confidence}: set promotion.confidence")
        if self.min_evidence < 2:
            raise InputError(f"min_evidence must be at least 2, got {self.min_evidence}: set promotion.min_evidence")
        for name in ("champion_tolerance", "coverage_tolerance", "max_fallback"):
            value = getattr(self, name)
            if value is not None and not 0 <= value <= 1:
                raise InputError(f"{name} must lie in [0, 1], got {value}: set promotion.{name}")


@dataclass(frozen=True)
class Verdict:
    """Which model serves, and why; skill, its lower bound and its probability are None where they are undefined.

    "kept": the present champion stays, since it passes where the candidate does not.
    """

    decision: Decision
    champion: str
    candidate: str | None
    against: str
    best_baseline: str
    skill: float | None
    low: float | None
    probability: float | None
    n_pairs: int
    n_series: int
    rules: tuple[Rule, ...]
    sentence: str

    @property
    def failed(self) -> tuple[str, ...]:
        """The rules that the candidate did not pass."""
        return tuple(rule.name for rule in self.rules if rule.passed is False)


def decide(
    evidence: pl.DataFrame,
    candidate: str | None,
    baselines: Sequence[str],
    settings: PromotionSettings,
    seed: int,
    primary_metric: str,
    facts: Facts | None = None,
    present: str | None = None,
    overlap: int = 1,
) -> Verdict:
    """The verdict over `evidence`: columns unique_id, cutoff, model, value (null where undefined), rows in any order.

    Only pairs of series and cutoff where the candidate, every baseline and the present champion (the model `present`,
    null: none, or nothing to compare) have a value count. The best baseline is the one with the lowest mean there
    (without any pair: the first one named). `overlap`: how many neighbouring cutoffs have a common target. Raises
    InputError for settings that do not fit, ValueError for a model that no row of the evidence names.
    """
    label = primary(primary_metric).label.name
    if not baselines:
        raise InputError("at least one baseline must be compared against, got none: set baselines")
    if settings.against not in (BEST_BASELINE, *baselines):
        raise unknown("promotion.against", settings.against, [BEST_BASELINE, *baselines], "promotion.against")
    models = list(dict.fromkeys([*baselines, *(name for name in (candidate, present) if name is not None)]))
    missing = sorted(set(models) - set(evidence["model"]))
    if missing and len(evidence):
        raise ValueError(f"the evidence must have rows of every model, got none of {missing}")
    pairs = common_pairs(evidence, models)
    groups = groups_of(pairs, overlap)
    best = best_of(pairs, baselines) or baselines[0]
    against = best if settings.against == BEST_BASELINE else settings.against
    result = _lead(pairs, groups, model=candidate, against=against, settings=settings, seed=seed)
    standards = Standards(
        min_skill=settings.min_skill,
        confidence=settings.confidence,
        min_evidence=settings.min_evidence,
        champion_tolerance=settings.champion_tolerance,
        coverage_tolerance=settings.coverage_tolerance,
        max_fallback=settings.max_fallback,
    )
    other = _skill(pairs, candidate, present)
    rules = () if candidate is None else rules_of(result, other, present, facts or Facts(), standards)
    decision = _decision(
        rules, pairs, groups=groups, present=present, against=against, baselines=baselines, settings=settings, seed=seed
    )
    champion = {"promoted": candidate, "kept": present}.get(decision) or best
    findings = Findings(
        decision=decision,
        champion=champion,
        candidate=candidate,
        against=against,
        best_baseline=best,
        means={model: mean for model in models if (mean := pairs.mean(model)) is not None},
        skill=_finite(result.skill if result else None),
        probability=result.probability if result else None,
        pairs_per_series=np.unique(pairs.ids.astype(str), return_counts=True)[1].tolist(),
        failed=tuple(rule for rule in rules if rule.passed is False),
    )
    return Verdict(
        decision=decision,
        champion=champion,
        candidate=candidate,
        against=against,
        best_baseline=best,
        skill=findings.skill,
        low=_finite(result.low if result else None),
        probability=findings.probability,
        n_pairs=len(pairs),
        n_series=len(findings.pairs_per_series),
        rules=rules,
        sentence=sentence_of(findings, label, settings.min_skill, settings.confidence),
    )


def _lead(
    pairs: Pairs, groups: Groups, model: str | None, against: str, settings: PromotionSettings, seed: int
) -> Significance | None:
    """The lead of a model, None where there is no model or no pair to tell it from."""
    if model is None or not len(pairs):
        return None
    values = pairs.values[model], pairs.values[against]
    return compare(*values, groups, seed, settings.min_skill, settings.confidence, n=RESAMPLES)


def _decision(
    rules: Sequence[Rule],
    pairs: Pairs,
    groups: Groups,
    present: str | None,
    against: str,
    baselines: Sequence[str],
    settings: PromotionSettings,
    seed: int,
) -> Decision:
    failed = [rule.name for rule in rules if rule.passed is False]
    if rules and not failed:
        return "promoted"
    if present is not None and present not in baselines:
        lead = _lead(pairs, groups, model=present, against=against, settings=settings, seed=seed)
        sure = lead is not None and lead.n_pairs >= settings.min_evidence and lead.probability >= settings.confidence
        if sure and lead is not None and lead.skill > settings.min_skill:
            return "kept"
    if not rules:
        return "no_candidate"
    return "insufficient" if "enough_evidence" in failed else "rejected"


def _skill(pairs: Pairs, candidate: str | None, present: str | None) -> float | None:
    """The skill of the candidate against the present champion."""
    if candidate is None or present is None or not len(pairs):
        return None
    mean, base = pairs.mean(candidate) or 0.0, pairs.mean(present) or 0.0
    return 1 - mean / base if base > 0 else (0.0 if mean == 0 else -np.inf)


def _finite(value: float | None) -> float | None:
    return value if value is not None and np.isfinite(value) else None
