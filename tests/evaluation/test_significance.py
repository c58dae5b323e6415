import numpy as np
import pytest
from scipy import stats

from forecasting.evaluation import significance
from forecasting.evaluation.comparisons import comparisons, holm
from forecasting.evaluation.pairs import FEW_SERIES, Groups, Pairs, groups_of
from forecasting.evaluation.significance import FEWEST_GROUPS, compare


def pairs_of(n_series: int, n_cutoffs: int, **values) -> Pairs:
    ids = np.repeat([f"s{i:03}" for i in range(n_series)], n_cutoffs).astype(object)
    return Pairs(ids, values, np.tile(np.arange(n_cutoffs), n_series))


def random_pairs(n_series: int, n_cutoffs: int, ratio: float = 1.0, seed: int = 1) -> Pairs:
    """Scores with luck of their own in every pair; series differ in size; the candidate's are `ratio` times as large."""
    rng = np.random.default_rng(seed)
    size = np.repeat(rng.lognormal(0, 0.5, n_series), n_cutoffs)
    base, candidate = size * rng.gamma(4.0, 0.25, (2, n_series * n_cutoffs))
    return pairs_of(n_series, n_cutoffs, candidate=ratio * candidate, base=base)


def result(pairs: Pairs, seed: int = 0, overlap: int = 1, **settings) -> significance.Significance:
    return compare(pairs.values["candidate"], pairs.values["base"], groups_of(pairs, overlap), seed, **settings)


@pytest.mark.parametrize(("n_series", "n_cutoffs"), [(1, 60), (3, 60), (20, 4)])
def test_a_candidate_that_is_a_tenth_better_everywhere_is_so_beyond_doubt(n_series, n_cutoffs) -> None:
    base = random_pairs(n_series, n_cutoffs).values["base"]
    found = result(pairs_of(n_series, n_cutoffs, candidate=0.9 * base, base=base))
    assert (found.skill, found.low, found.high) == pytest.approx((0.1, 0.1, 0.1))
    assert (found.win_rate, found.p_value < 0.002) == (1.0, True)
    assert found.win_low == pytest.approx(0.05 ** (1 / found.n_groups))


def test_identical_scores_are_no_lead() -> None:
    base = random_pairs(20, 3).values["base"]
    found = result(pairs_of(20, 3, candidate=base, base=base))
    assert (found.skill, found.low, found.win_rate, found.p_value) == (0.0, 0.0, 0.5, 1.0)


def test_the_p_value_is_that_of_a_skill_above_the_least_skill() -> None:
    base = random_pairs(30, 3).values["base"]
    better = pairs_of(30, 3, candidate=0.9 * base, base=base)
    assert result(better, min_skill=0.09).p_value < 0.01
    assert result(better, min_skill=0.11).p_value > 0.99


def test_the_randomisation_counts_sign_patterns_as_the_binomial_law_does() -> None:
    # The candidate gains 1 in each of six series: as good in 1 of 2^6 patterns.
    found = compare(np.full(6, 9.0), np.full(6, 10.0), Groups("series", np.arange(6)), 0, n=20_000)
    assert found.p_value == pytest.approx(stats.binom.cdf(0, 6, 0.5), abs=0.004)


def test_more_cutoffs_of_the_same_luck_add_no_certainty_where_series_are_many() -> None:
    once = random_pairs(12, 1, ratio=0.9)
    again = pairs_of(12, 9, **{name: np.repeat(v, 9) for name, v in once.values.items()})
    assert result(again).p_value == result(once).p_value
    assert result(again).low == pytest.approx(result(once).low)


def test_a_few_series_are_compared_over_blocks_of_cutoffs_longer_than_two_horizons() -> None:
    few, many = groups_of(random_pairs(3, 60), overlap=4), groups_of(random_pairs(FEW_SERIES, 60))
    assert (few.kind, len(few), len(many)) == ("blocks of cutoffs", 7, FEW_SERIES)
    assert few.of[:17].tolist() == [0] * 8 + [1] * 8 + [2]
    assert few.of[60:68].tolist() == [0] * 8


def test_too_few_groups_say_nothing_however_clear_it_looks() -> None:
    found = result(pairs_of(4, 1, candidate=np.full(4, 0.1), base=np.ones(4)))
    assert (found.n_groups, found.p_value, found.low) == (4, 1.0, None)
    assert FEWEST_GROUPS > 4


@pytest.mark.parametrize(("n_series", "n_cutoffs"), [(1, 40), (2, 30), (4, 30), (8, 3), (40, 2)])
def test_an_equal_model_passes_as_seldom_as_the_confidence_says(n_series, n_cutoffs) -> None:
    n = 300
    passed = sum(result(random_pairs(n_series, n_cutoffs, seed=seed), n=299).probability >= 0.95 for seed in range(n))
    assert passed <= stats.binom.ppf(0.999, n, 0.05)


@pytest.mark.parametrize(("n_series", "n_cutoffs"), [(1, 100), (3, 100), (40, 2)])
def test_a_third_less_error_is_seen_nearly_always(n_series, n_cutoffs) -> None:
    seen = [result(random_pairs(n_series, n_cutoffs, 0.67, seed), n=299).probability >= 0.95 for seed in range(60)]
    assert np.mean(seen) >= 0.9


def test_the_true_skill_lies_above_the_lower_bound_as_often_as_it_should() -> None:
    n = 300
    above = sum((result(random_pairs(20, 3, 0.8, seed), n=299).low or 0.0) <= 0.2 for seed in range(n))
    assert above >= stats.binom.ppf(0.001, n, 0.92)  # the bootstrap by itself is a little bold


def test_the_seed_decides_alone_and_drawing_in_chunks_changes_nothing(monkeypatch) -> None:
    pairs = random_pairs(20, 3, 0.95)
    at_once = result(pairs, seed=5, n=100)
    assert result(pairs, seed=5, n=100) == at_once
    assert result(pairs, seed=6, n=100) != at_once
    monkeypatch.setattr(significance, "_CHUNK", 60)
    assert result(pairs, seed=5, n=100).p_value == pytest.approx(at_once.p_value, abs=0.1)


@pytest.mark.parametrize(("candidate", "skill"), [(0.0, 0.0), (1.0, -np.inf)])
def test_a_perfect_base_is_never_beaten(candidate, skill) -> None:
    found = result(pairs_of(8, 1, candidate=np.full(8, candidate), base=np.zeros(8)))
    assert (found.skill, found.p_value) == (skill, 1.0)


def test_holm_multiplies_the_smallest_by_the_number_and_never_lets_a_later_one_be_smaller() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.9, 0.6]) == [1.0, 1.0]
    assert holm([]) == []


def test_of_twenty_equal_models_hardly_any_differs_after_the_correction() -> None:
    wrong = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        pairs = pairs_of(30, 1, **{f"m{i}": rng.gamma(4.0, 0.25, 30) for i in range(6)})
        table = comparisons(pairs, groups_of(pairs), seed=0)
        wrong += int((table["p_holm"] < 0.05).any())
    assert wrong <= stats.binom.ppf(0.999, 20, 0.05)


def test_the_table_of_comparisons_has_each_pair_once_the_better_one_first() -> None:
    pairs = pairs_of(10, 1, a=np.full(10, 3.0), b=np.full(10, 1.0), c=np.full(10, 2.0))
    table = comparisons(pairs, groups_of(pairs), seed=0)
    assert table.select("model", "against").rows() == [("b", "c"), ("b", "a"), ("c", "a")]
    assert table["skill"].to_list() == pytest.approx([1 / 2, 2 / 3, 1 / 3])
    assert table["reason"][0] == "at least 8 cutoffs are needed, got 1"
