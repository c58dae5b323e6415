import numpy as np
import pytest
from scipy import stats

from forecasting.evaluation.ranks import critical_difference, ranking


@pytest.mark.parametrize(("n_models", "q"), [(2, 1.960), (5, 2.728), (10, 3.164)])
def test_the_critical_difference_has_the_constants_of_demsars_table(n_models, q) -> None:
    expected = q * np.sqrt(n_models * (n_models + 1) / (6 * 30))
    assert critical_difference(n_models, 30) == pytest.approx(expected, rel=1e-3)


def test_mean_ranks_share_ties() -> None:
    found = ranking({"a": np.array([1.0, 1, 1]), "b": np.array([2.0, 1, 3]), "c": np.array([3.0, 3, 2])})
    assert found.mean == pytest.approx({"a": 3.5 / 3, "b": 6.5 / 3, "c": 8 / 3})


def test_friedman_agrees_with_scipy_in_the_form_of_iman_and_davenport() -> None:
    values = np.random.default_rng(1).normal(size=(4, 25))
    chi2 = stats.friedmanchisquare(*values).statistic
    expected = stats.f.sf(24 * chi2 / (25 * 3 - chi2), 3, 3 * 24)
    assert ranking(dict(enumerate(values))).p_value == pytest.approx(expected)


def test_groups_that_all_agree_leave_no_doubt_and_one_group_says_nothing() -> None:
    assert ranking({"a": np.zeros(9), "b": np.ones(9)}).p_value == 0.0
    assert ranking({"a": np.zeros(1), "b": np.ones(1)}).p_value is None
