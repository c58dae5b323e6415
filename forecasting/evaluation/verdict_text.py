"""The gate's verdict as one sentence in plain English."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from forecasting.evaluation.rules import Rule


@dataclass(frozen=True)
class Findings:
    """What the sentence tells; `means` holds the metric's mean of each model that has one."""

    decision: str
    champion: str
    candidate: str | None
    against: str
    best_baseline: str
    means: Mapping[str, float]
    skill: float | None
    probability: float | None
    pairs_per_series: Sequence[int]
    failed: Sequence[Rule] = ()


def sentence_of(f: Findings, label: str, min_skill: float, confidence: float) -> str:
    """One sentence for the decision; `label` is the metric's name as shown, lower is better."""
    failed = {rule.name: rule for rule in f.failed}
    if f.decision == "no_candidate":
        return f"{f.champion}{_value(f, label)} is promoted and serves: there is no network to compare it with."
    if f.decision == "kept":
        return _kept(f, label, failed)
    if f.decision == "insufficient":
        return f"evidence is insufficient: {failed['enough_evidence'].detail}; {f.champion} serves."
    candidate, against = f"{f.candidate}", f.against
    mean, base = _number(f.means[candidate]), _number(f.means[against])
    extent = _extent(f.pairs_per_series)
    chance = f"{_chance(f.probability or 0.0)} probability"
    bar = "0" if min_skill == 0 else _percent(min_skill)
    lead = _percent(f.skill or 0.0)
    if f.decision == "promoted":
        return (
            f"{candidate} is promoted: its {label} of {mean} beats {against} ({base}) by {lead} over {extent}, "
            f"and with {chance} the skill is above {bar}."
        )
    others = [rule for name, rule in failed.items() if name not in ("skill", "skill_bound")]
    if "skill" not in failed and "skill_bound" not in failed and others:
        return (
            f"{f.champion} is promoted and serves: the candidate {candidate} beats {against} ({mean} against {base} in "
            f"{label}), but {_because(others)}."
        )
    if f.skill is not None and f.skill > 0:
        return (
            f"{f.champion} is promoted and serves: the {label} of the candidate {candidate} is lower than that of "
            f"{against} ({mean} against {base}, by {lead}) over {extent}, but the skill is above {bar} with only "
            f"{chance}; {_percent(confidence)} is needed."
        )
    return (
        f"{f.champion} is promoted and serves: the candidate {candidate} did not beat {against}; its {label} is {mean} "
        f"against {base} over {extent}."
    )


def _kept(f: Findings, label: str, failed: Mapping[str, Rule]) -> str:
    """The present champion stays."""
    start = f"{f.champion}{_value(f, label)} stays: it beats {f.against}, and"
    if f.candidate is None:
        return f"{start} there is no candidate to replace it."
    if "champion" in failed:
        return f"{start} the candidate {f.candidate}{_value(f, label, f.candidate)} is worse than it."
    return f"{start} the candidate {f.candidate}{_value(f, label, f.candidate)} did not pass: {_because(list(failed.values()))}."


def _because(rules: Sequence[Rule]) -> str:
    return "; ".join(f"{rule.name.replace('_', ' ')} failed ({rule.detail})" for rule in rules)


def _value(f: Findings, label: str, model: str | None = None) -> str:
    model = model or f.champion
    return f" ({label} {_number(f.means[model])})" if model in f.means else ""


def _extent(pairs_per_series: Sequence[int]) -> str:
    """190 series x 3 cutoffs; where series differ in their number of cutoffs: 560 pairs of series and cutoff."""
    counts, n_series = set(pairs_per_series), len(pairs_per_series)
    if len(counts) > 1:
        return f"{sum(pairs_per_series)} pairs of series and cutoff ({n_series} series)"
    n_cutoffs = counts.pop()
    return f"{n_series} series x {n_cutoffs} {'cutoff' if n_cutoffs == 1 else 'cutoffs'}"


def _number(value: float) -> str:
    """Three decimals in the usual range, otherwise whole thousands or three digits."""
    if value >= 100:
        return f"{value:,.1f}"
    return f"{value:.3f}" if value >= 0.01 or value == 0 else f"{value:.3g}"


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %".replace(".0 %", " %")


def _chance(probability: float) -> str:
    """A share of a few thousand resamples never shows certainty."""
    if probability > 0.999:
        return "over 99.9 %"
    return "under 0.1 %" if probability < 0.001 else f"{100 * probability:.1f} %"
