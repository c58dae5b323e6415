from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecasting.errors import InputError
from forecasting.evaluation.gate import PromotionSettings, Verdict, decide
from forecasting.evaluation.rules import Facts, rules_table

BASELINES = ["seasonal_naive", "ets"]
DEFAULT = PromotionSettings()


def evidence(values: dict[str, list[float | None]], n_cutoffs: int = 3) -> pl.DataFrame:
    """Values of each model, `n_cutoffs` for each series in turn."""
    rows = [(f"s{i // n_cutoffs:03}", i % n_cutoffs, m, v) for m, vs in values.items() for i, v in enumerate(vs)]
    return pl.DataFrame(
        rows, {"unique_id": pl.String, "cutoff": pl.Int64, "model": pl.String, "value": pl.Float64}, orient="row"
    )


def judge(values: dict[str, list[float | None]], candidate: str | None = "gru", promotion=DEFAULT) -> Verdict:
    return decide(evidence(values), candidate, BASELINES, promotion, seed=0, primary_metric="mase")


def lucky(ratio: float, n: int = 60, seed: int = 1) -> list[float]:
    """About `ratio`, each value with luck of its own."""
    return (ratio * np.random.default_rng(seed).uniform(0.9, 1.1, n)).tolist()


def test_a_candidate_that_is_clearly_better_is_promoted() -> None:
    verdict = judge({"gru": [0.8] * 60, "ets": [0.9] * 60, "seasonal_naive": [1.0] * 60})
    assert (verdict.decision, verdict.champion, verdict.best_baseline) == ("promoted", "gru", "ets")
    assert verdict.skill == pytest.approx(1 / 9)
    assert verdict.low == pytest.approx(1 / 9)
    assert verdict.probability == pytest.approx(1.0, abs=1e-3)
    assert (verdict.n_pairs, verdict.n_series) == (60, 20)
    assert verdict.sentence == (
        "gru is promoted: its MASE of 0.800 beats ets (0.900) by 11.1 % over 20 series x 3 cutoffs, "
        "and with over 99.9 % probability the skill is above 0."
    )


def test_a_candidate_that_is_worse_is_rejected_and_the_best_baseline_serves() -> None:
    verdict = judge({"gru": [0.95] * 60, "ets": [0.9] * 60, "seasonal_naive": [1.0] * 60})
    assert (verdict.decision, verdict.champion) == ("rejected", "ets")
    assert verdict.sentence == (
        "ets is promoted and serves: the candidate gru did not beat ets; its MASE is 0.950 against 0.900 "
        "over 20 series x 3 cutoffs."
    )


def test_a_lead_that_may_be_luck_is_rejected_and_says_how_sure_it_is() -> None:
    wins = [0.7] * 3 + [0.99] * 3 + [1.02] * 24
    verdict = judge({"gru": wins, "ets": [1.0] * 30, "seasonal_naive": [2.0] * 30})
    assert verdict.decision == "rejected"
    assert verdict.skill is not None
    assert verdict.skill > 0
    assert "(0.985 against 1.000, by 1.5 %)" in verdict.sentence
    assert (
        f"the skill is above 0 with only {100 * verdict.probability:.1f} % probability; 95 % is needed"
        in verdict.sentence
    )


def test_a_lead_below_the_least_skill_is_rejected() -> None:
    values = {"gru": [0.98] * 60, "ets": [1.0] * 60, "seasonal_naive": [2.0] * 60}
    assert judge(values).decision == "promoted"
    verdict = judge(values, promotion=PromotionSettings(min_skill=0.05))
    assert verdict.decision == "rejected"
    assert "the skill is above 5 % with only under 0.1 % probability" in verdict.sentence


def test_too_few_pairs_are_insufficient_evidence_however_good() -> None:
    verdict = judge({"gru": [0.1] * 5, "ets": [1.0] * 5, "seasonal_naive": [2.0] * 5})
    assert (verdict.decision, verdict.champion) == ("insufficient", "ets")
    assert verdict.sentence == (
        "evidence is insufficient: 5 pairs of series and cutoff in 3 groups (blocks of cutoffs), at least 30 in 5 are "
        "needed; ets serves."
    )


def test_without_any_value_the_first_baseline_serves() -> None:
    for values in ({"gru": [None], "ets": [None], "seasonal_naive": [None]}, {}):
        verdict = judge(values)
        assert (verdict.decision, verdict.champion, verdict.n_pairs) == ("insufficient", "seasonal_naive", 0)
        assert (verdict.skill, verdict.low, verdict.probability) == (None, None, None)


def test_without_a_candidate_the_best_baseline_serves() -> None:
    verdict = judge({"ets": [0.9] * 6, "seasonal_naive": [1.0] * 6}, candidate=None)
    assert (verdict.decision, verdict.champion, verdict.candidate) == ("no_candidate", "ets", None)
    assert verdict.sentence == "ets (MASE 0.900) is promoted and serves: there is no network to compare it with."


def test_only_pairs_that_all_models_have_are_compared() -> None:
    # ets is excellent where the naive has no value; on the common pairs the naive is better.
    values = {"gru": [0.5] * 60, "ets": [0.1] * 30 + [0.9] * 30, "seasonal_naive": [None] * 30 + [0.8] * 30}
    verdict = judge(values)
    assert (verdict.best_baseline, verdict.n_pairs, verdict.n_series) == ("seasonal_naive", 30, 10)


def test_a_named_baseline_can_be_the_one_to_beat() -> None:
    values = {"gru": [0.95] * 60, "ets": [0.9] * 60, "seasonal_naive": [1.0] * 60}
    verdict = judge(values, promotion=PromotionSettings(against="seasonal_naive"))
    assert (verdict.decision, verdict.against, verdict.best_baseline) == ("promoted", "seasonal_naive", "ets")
    assert "beats seasonal_naive (1.000) by 5 %" in verdict.sentence


def test_series_with_different_numbers_of_cutoffs_are_described_as_pairs() -> None:
    verdict = judge({"gru": [0.8] * 61, "ets": [0.9] * 61, "seasonal_naive": [1.0] * 61})
    assert "over 61 pairs of series and cutoff (21 series)" in verdict.sentence


def test_one_series_with_many_cutoffs_can_promote() -> None:
    values = {"gru": lucky(0.8), "ets": lucky(1.0, seed=2), "seasonal_naive": [2.0] * 60}
    verdict = decide(evidence(values, n_cutoffs=60), "gru", BASELINES, DEFAULT, 0, "mase")
    assert (verdict.decision, verdict.n_series) == ("promoted", 1)
    assert "over 1 series x 60 cutoffs" in verdict.sentence


def test_a_perfect_baseline_stays() -> None:
    verdict = judge({"gru": [0.1] * 60, "ets": [0.0] * 60, "seasonal_naive": [1.0] * 60})
    assert (verdict.decision, verdict.skill, verdict.low, verdict.probability) == ("rejected", None, None, 0.0)


positive = st.lists(st.floats(0.01, 10), min_size=30, max_size=60)


@given(scores=positive, seed=st.integers(0, 5))
@settings(max_examples=30)
def test_identical_scores_never_promote(scores, seed) -> None:
    values = {"gru": scores, "ets": scores, "seasonal_naive": scores}
    assert decide(evidence(values), "gru", BASELINES, DEFAULT, seed, "mase").decision == "rejected"


@given(scores=positive, factor=st.floats(0.3, 0.95))
@settings(max_examples=30)
def test_swapping_better_and_worse_flips_the_verdict(scores, factor) -> None:
    better = [factor * value for value in scores]
    assert judge({"gru": better, "ets": scores, "seasonal_naive": scores}).champion == "gru"
    assert judge({"gru": scores, "ets": better, "seasonal_naive": scores}).champion == "ets"


@given(order=st.permutations(range(120)))
@settings(max_examples=20)
def test_the_order_of_rows_changes_nothing(order) -> None:
    rows = evidence({"gru": lucky(0.97, 40), "ets": lucky(1.0, 40, 2), "seasonal_naive": lucky(1.2, 40, 3)})
    verdict, shuffled = (decide(r, "gru", BASELINES, DEFAULT, 0, "mase") for r in (rows, rows[order]))
    assert shuffled == verdict


def test_settings_that_cannot_hold_are_refused() -> None:
    with pytest.raises(InputError, match=r"min_skill must lie in \[0, 1\), got -0.1: set promotion.min_skill"):
        PromotionSettings(min_skill=-0.1)
    with pytest.raises(InputError, match="confidence must lie"):
        PromotionSettings(confidence=1.0)
    with pytest.raises(InputError, match="min_evidence must be at least 2"):
        PromotionSettings(min_evidence=1)


def test_a_model_that_the_evidence_does_not_know_is_refused() -> None:
    values = {"ets": [0.9] * 60, "seasonal_naive": [1.0] * 60}
    with pytest.raises(InputError, match=r"promotion\.against must be one of best_baseline, ets, seasonal_naive"):
        judge(values, promotion=PromotionSettings(against="theta"))
    with pytest.raises(ValueError, match=r"got none of \['gru'\]"):
        judge(values)


def by_construction(ratio: float, seed: int) -> dict[str, list[float]]:
    """25 series of their own size and 3 cutoffs; the candidate's errors are drawn like the baselines', times `ratio`."""
    rng = np.random.default_rng(seed)
    size = np.repeat(rng.lognormal(0, 0.5, 25), 3)
    gru, ets, naive = size * rng.gamma(4.0, 0.25, (3, 75))
    return {"gru": (ratio * gru).tolist(), "ets": ets.tolist(), "seasonal_naive": (1.3 * naive).tolist()}


@pytest.mark.parametrize(("ratio", "decision"), [(1.35, "rejected"), (0.6, "promoted")])
def test_of_fifty_worse_candidates_none_is_promoted_and_of_fifty_better_ones_all(ratio, decision) -> None:
    assert {judge(by_construction(ratio, seed)).decision for seed in range(50)} == {decision}


BETTER = {"gru": lucky(0.8), "ets": lucky(1.0, seed=2), "seasonal_naive": lucky(2.0, seed=3)}
SOUND = Facts(0.82, 0.8, 0, 16, 0.0, 60, 60, 2)


def with_facts(facts: Facts, present: str | None = None, promotion=DEFAULT, **values) -> Verdict:
    rows = evidence(BETTER | values)
    return decide(rows, "gru", BASELINES, promotion, 0, "mase", facts, present)


def test_a_candidate_that_passes_every_rule_says_what_was_found_for_each() -> None:
    verdict = with_facts(SOUND)
    assert verdict.decision == "promoted"
    table = rules_table(verdict.rules)
    assert table["rule"].to_list() == [
        "enough_evidence", "skill", "skill_bound", "champion", "coverage", "leak_check", "reload", "complete",
    ]  # fmt: skip
    assert table["passed"].to_list() == ["yes"] * 3 + ["does not apply"] + ["yes"] * 4
    assert verdict.rules[3].detail == "there is none yet"


@pytest.mark.parametrize(
    ("change", "rule", "words"),
    [
        ({"coverage": 0.4}, "coverage", "40.0% of the values lie in the interval meant for 80%"),
        ({"leaks": 1}, "leak_check", "1 of 16 forecasts moved"),
        ({"leaks_checked": 0}, "leak_check", "0 of 0 forecasts moved"),
        ({"reload_difference": 1e-3}, "reload", "after loading in a fresh process"),
        ({"n_forecasts": 59}, "complete", "59 of 60 wanted forecasts"),
        ({"n_fallback": 31}, "complete", "31 of them by the fallback"),
    ],
)
def test_a_better_candidate_that_fails_another_rule_is_rejected_with_the_reason(change, rule, words) -> None:
    verdict = with_facts(replace(SOUND, **change))
    assert (verdict.decision, verdict.champion, verdict.failed) == ("rejected", "ets", (rule,))
    assert words in verdict.sentence
    assert verdict.sentence.startswith("ets is promoted and serves: the candidate gru beats ets")


def test_a_tolerance_of_the_config_can_be_wider_or_off() -> None:
    narrow = replace(SOUND, coverage=0.4)
    assert with_facts(narrow, promotion=PromotionSettings(coverage_tolerance=0.5)).decision == "promoted"
    assert with_facts(narrow, promotion=PromotionSettings(coverage_tolerance=None)).decision == "promoted"


def test_a_candidate_that_is_worse_than_the_present_champion_leaves_it_in_place() -> None:
    verdict = with_facts(SOUND, "lstm (serving)", **{"lstm (serving)": lucky(0.7, seed=4)})
    assert (verdict.decision, verdict.champion, verdict.failed) == ("kept", "lstm (serving)", ("champion",))
    assert verdict.sentence.startswith("lstm (serving) (MASE 0.7")
    assert "the candidate gru (MASE 0.8" in verdict.sentence
    tolerant = PromotionSettings(champion_tolerance=0.3)
    assert (
        with_facts(SOUND, "lstm (serving)", tolerant, **{"lstm (serving)": lucky(0.7, seed=4)}).decision == "promoted"
    )


def test_a_present_champion_that_is_no_longer_better_than_the_baseline_goes() -> None:
    old = {"lstm (serving)": lucky(1.5, seed=4)}
    assert with_facts(SOUND, "lstm (serving)", **old).decision == "promoted"
    leaky = with_facts(replace(SOUND, leaks=3), "lstm (serving)", **old)
    assert (leaky.decision, leaky.champion) == ("rejected", "ets")


def test_a_present_baseline_is_no_reason_to_keep_it() -> None:
    verdict = with_facts(replace(SOUND, leaks=3), "seasonal_naive")
    assert (verdict.decision, verdict.champion) == ("rejected", "ets")
