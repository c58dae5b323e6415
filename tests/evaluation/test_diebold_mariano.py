import numpy as np
import pytest
from scipy import stats
from statsmodels.tsa.stattools import diebold_mariano_test

from forecasting.evaluation.diebold_mariano import diebold_mariano


def test_one_step_agrees_with_statsmodels() -> None:
    rng = np.random.default_rng(1)
    y, a, b = rng.normal(size=(3, 40))
    found = diebold_mariano((y - a) ** 2, (y - b) ** 2)
    other = diebold_mariano_test(y, a, b, lags=0, harvey_adj=True, horizon=1)
    assert (found.statistic, found.p_value) == pytest.approx((other.statistic, other.pvalue), rel=1e-9)


def test_overlapping_horizons_add_their_autocovariances() -> None:
    # d = 1, 3, 1, 3, 2, 4, 2, 4: mean 2.5, variance 1.25, autocovariance at lag 1 of -4.75 / 8 by hand.
    d = np.array([1.0, 3, 1, 3, 2, 4, 2, 4])
    variance = 1.25 - 2 * 4.75 / 8
    expected = np.sqrt((8 + 1 - 4 + 2 / 8) / 8) * 2.5 / np.sqrt(variance / 8)
    found = diebold_mariano(d, np.zeros(8), overlap=2)
    assert found.statistic == pytest.approx(expected)
    assert found.p_value == pytest.approx(2 * stats.t.sf(expected, 7))


def test_equal_forecasters_differ_as_seldom_as_stated() -> None:
    rng = np.random.default_rng(2)
    passed = 0
    for _ in range(400):
        e = rng.normal(size=(2, 43))
        smooth = (e[:, 3:] + e[:, 2:-1] + e[:, 1:-2] + e[:, :-3]) ** 2  # 4-step errors overlap
        p_value = diebold_mariano(*smooth, overlap=4).p_value
        passed += p_value is not None and p_value < 0.05
    assert passed <= stats.binom.ppf(0.999, 400, 0.08)  # the test is known to be somewhat bold here


def test_forecasters_that_differ_by_construction_are_told_apart() -> None:
    rng = np.random.default_rng(3)
    found = diebold_mariano(rng.gamma(2, 1, 60), rng.gamma(2, 2, 60))
    assert found.statistic is not None
    assert found.p_value is not None
    assert found.statistic < 0
    assert found.p_value < 0.01


@pytest.mark.parametrize(
    ("first", "overlap", "reason"),
    [
        (np.arange(7.0), 1, "at least 8 cutoffs are needed, got 7"),
        (np.arange(9.0), 5, "at least 10 cutoffs are needed, got 9"),
        (np.ones(20), 1, "the losses differ by the same amount at every cutoff"),
    ],
)
def test_what_cannot_be_tested_says_why(first, overlap, reason) -> None:
    found = diebold_mariano(first, np.zeros(len(first)), overlap)
    assert (found.statistic, found.p_value, found.reason) == (None, None, reason)
