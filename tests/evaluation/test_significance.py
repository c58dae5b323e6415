import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecasting.evaluation import significance
from forecasting.evaluation.significance import FEW_GROUPS, paired_bootstrap


def random_scores(n_groups: int, n_cutoffs: int, ratio: float = 1.0, seed: int = 1):
    """Candidate and base scores with luck of their own in every pair; the candidate's are `ratio` times as large."""
    rng = np.random.default_rng(seed)
    base, candidate = rng.gamma(4.0, 0.25, (2, n_groups * n_cutoffs))
    return ratio * candidate, base, np.repeat(np.arange(n_groups), n_cutoffs)


@pytest.mark.parametrize("n_groups", [1, 3, 20])
def test_a_candidate_that_is_a_tenth_better_everywhere_is_so_in_every_resample(n_groups) -> None:
    _, base, groups = random_scores(n_groups, 4)
    result = paired_bootstrap(0.9 * base, base, groups, seed=0)
    assert result.skill == pytest.approx(0.1)
    assert result.low == pytest.approx(0.1)
    assert result.probability == 1.0
    assert (result.n_pairs, result.n_groups) == (4 * n_groups, n_groups)


@given(n_groups=st.integers(1, 8), n_cutoffs=st.integers(2, 6), seed=st.integers(0, 99))
@settings(max_examples=30)
def test_identical_scores_are_never_better_in_any_resample(n_groups, n_cutoffs, seed) -> None:
    _, base, groups = random_scores(n_groups, n_cutoffs, seed=seed)
    result = paired_bootstrap(base, base, groups, seed, n=50)
    assert (result.skill, result.low, result.probability) == (0.0, 0.0, 0.0)


def test_the_probability_counts_resamples_above_the_least_skill() -> None:
    _, base, groups = random_scores(10, 3)
    assert paired_bootstrap(0.9 * base, base, groups, seed=0, min_skill=0.09).probability == 1.0
    assert paired_bootstrap(0.9 * base, base, groups, seed=0, min_skill=0.11).probability == 0.0


def test_the_probability_is_that_of_the_binomial_law() -> None:
    # The candidate gains 1 in five series and loses 5.5 in one: better in those resamples that do not draw this one.
    base, candidate = np.full(6, 10.0), np.array([9, 9, 9, 9, 9, 15.5])
    result = paired_bootstrap(candidate, base, np.arange(6), seed=0, n=20_000)
    assert result.probability == pytest.approx((5 / 6) ** 6, abs=0.01)


def test_whole_series_are_resampled_so_more_cutoffs_of_the_same_luck_add_no_certainty() -> None:
    candidate, base, groups = random_scores(12, 1, ratio=0.9)
    once = paired_bootstrap(candidate, base, groups, seed=0)
    again = paired_bootstrap(np.repeat(candidate, 9), np.repeat(base, 9), np.repeat(groups, 9), seed=0)
    assert again.probability == once.probability
    assert again.low == pytest.approx(once.low)


def test_a_few_series_are_not_resampled_as_a_whole() -> None:
    # Both series favour the candidate on the whole, each by one lucky cutoff: resampling these two would be certain.
    candidate = np.tile([1.02, 1.02, 1.02, 1.02, 1.02, 1.02, 1.02, 0.8], 2)
    result = paired_bootstrap(candidate, np.ones(16), np.repeat([0, 1], 8), seed=0)
    assert FEW_GROUPS > 2
    assert result.skill > 0
    assert 0.5 < result.probability < 0.95


def test_an_equal_model_passes_about_as_seldom_as_the_confidence_says() -> None:
    draws = [random_scores(40, 2, seed=seed) for seed in range(200)]
    passed = [paired_bootstrap(*draw, seed=0, n=300).probability >= 0.95 for draw in draws]
    assert 0.01 <= np.mean(passed) <= 0.10


def test_the_seed_decides_alone() -> None:
    scores = random_scores(20, 3)
    assert paired_bootstrap(*scores, seed=5) == paired_bootstrap(*scores, seed=5)
    assert paired_bootstrap(*scores, seed=5) != paired_bootstrap(*scores, seed=6)


def test_drawing_in_chunks_changes_nothing(monkeypatch) -> None:
    scores = random_scores(20, 3)
    at_once = paired_bootstrap(*scores, seed=5, n=100)
    monkeypatch.setattr(significance, "_CHUNK", 60)
    assert paired_bootstrap(*scores, seed=5, n=100) == at_once


@pytest.mark.parametrize(("candidate", "skill"), [(0.0, 0.0), (1.0, -np.inf)])
def test_a_perfect_base_is_never_beaten(candidate, skill) -> None:
    result = paired_bootstrap(np.full(8, candidate), np.zeros(8), np.arange(8), seed=0)
    assert (result.skill, result.low, result.probability) == (skill, skill, 0.0)


def test_fewer_than_two_pairs_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 2 pairs"):
        paired_bootstrap(np.ones(1), np.ones(1), np.zeros(1), seed=0)
