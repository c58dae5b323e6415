"""The promotion gate: a network serves only when it beats the baseline out of sample; else the best baseline serves.

Comes in: the values of the primary metric on the evaluation cutoffs, for the candidate (chosen earlier, on inner
cutoffs) and the baselines. Goes out: a verdict with its numbers and one sentence. A pure function; it registers and
writes nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import polars as pl

from forecasting.errors import InputError, unknown
from forecasting.evaluation.leaderboard import best_of
from forecasting.evaluation.metrics import primary
from forecasting.evaluation.pairs import Pairs, common_pairs
from forecasting.evaluation.significance import Significance, paired_bootstrap
from forecasting.evaluation.verdict_text import Findings, sentence_of

BEST_BASELINE = "best_baseline"
Decision = Literal["promoted", "rejected", "insufficient", "no_candidate"]


@dataclass(frozen=True)
class PromotionSettings:
    """`against`: best_baseline or a baseline's name; `confidence`: share of resamples with a skill above `min_skill`.

    `min_evidence` is the least number of pairs of series and cutoff that a comparison needs.
    """

    __pydantic_config__ = {"extra": "forbid"}  # noqa: RUF012 - read by pydantic where the config file is parsed

    against: str = BEST_BASELINE
    min_skill: float = 0.0
    confidence: float = 0.95
    min_evidence: int = 30

    def __post_init__(self) -> None:
        if not 0 <= self.min_skill < 1:
            raise InputError(f"min_skill must lie in [0, 1), got {self.min_skill}: set promotion.min_skill")
        if not 0.5 <= self.confidence < 1:
            raise InputError(f"confidence must lie in [0.5, 1), got {self.confidence}: set promotion.confidence")
        if self.min_evidence < 2:
            raise InputError(f"min_evidence must be at least 2, got {self.min_evidence}: set promotion.min_evidence")


@dataclass(frozen=True)
class Verdict:
    """Which model serves, and why; skill, its lower bound and its probability are None where they are undefined."""

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
    sentence: str


def decide(
    evidence: pl.DataFrame,
    candidate: str | None,
    baselines: Sequence[str],
    settings: PromotionSettings,
    seed: int,
    primary_metric: str,
) -> Verdict:
    """The verdict over `evidence`: columns unique_id, cutoff, model, value (null where undefined), rows in any order.

    Only pairs of series and cutoff where the candidate and every baseline have a value count. The best baseline is the
    one with the lowest mean there (without any pair: the first one named). Raises InputError for settings that do not
    fit, ValueError for a model that no row of the evidence names.
    """
    label = primary(primary_metric).label
    if not baselines:
        raise InputError("at least one baseline must be compared against, got none: set baselines")
    if settings.against not in (BEST_BASELINE, *baselines):
        raise unknown("promotion.against", settings.against, [BEST_BASELINE, *baselines], "promotion.against")
    models = [*baselines, candidate] if candidate is not None else list(baselines)
    missing = sorted(set(models) - set(evidence["model"]))
    if missing and len(evidence):
        raise ValueError(f"the evidence must have rows of every model, got none of {missing}")
    pairs = common_pairs(evidence, models)
    best = best_of(pairs, baselines) or baselines[0]
    against = best if settings.against == BEST_BASELINE else settings.against
    result = _significance(pairs, candidate, against, settings, seed)
    decision = _decision(candidate, result, settings)
    findings = Findings(
        decision=decision,
        champion=candidate if candidate is not None and decision == "promoted" else best,
        candidate=candidate,
        against=against,
        best_baseline=best,
        means={model: mean for model in models if (mean := pairs.mean(model)) is not None},
        skill=_finite(result.skill if result else None),
        probability=result.probability if result else None,
        pairs_per_series=np.unique(pairs.ids, return_counts=True)[1].tolist(),
    )
    return Verdict(
        decision=decision,
        champion=findings.champion,
        candidate=candidate,
        against=against,
        best_baseline=best,
        skill=findings.skill,
        low=_finite(result.low if result else None),
        probability=findings.probability,
        n_pairs=len(pairs),
        n_series=len(findings.pairs_per_series),
        sentence=sentence_of(findings, label, settings.min_skill, settings.confidence, settings.min_evidence),
    )


def _significance(
    pairs: Pairs, candidate: str | None, against: str, settings: PromotionSettings, seed: int
) -> Significance | None:
    """The candidate's lead over `against`, None where there are fewer than two pairs to tell it from."""
    if candidate is None or len(pairs) < 2:
        return None
    return paired_bootstrap(
        pairs.values[candidate],
        pairs.values[against],
        pairs.ids,
        seed,
        min_skill=settings.min_skill,
        confidence=settings.confidence,
    )


def _decision(candidate: str | None, result: Significance | None, settings: PromotionSettings) -> Decision:
    if candidate is None:
        return "no_candidate"
    if result is None or result.n_pairs < settings.min_evidence:
        return "insufficient"
    passed = result.skill > settings.min_skill and result.probability >= settings.confidence
    return "promoted" if passed else "rejected"


def _finite(value: float | None) -> float | None:
    return value if value is not None and np.isfinite(value) else None
