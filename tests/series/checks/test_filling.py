import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from forecasting.errors import InputError
from forecasting.series.checks.filling import fill_gaps, next_observed_rows
from tests.series.examples import PROPERTY

NAN = np.nan
METHODS = ["none", "forward", "interpolate", "seasonal", "zero"]
GAPPY = arrays(np.float64, st.integers(1, 25), elements=st.one_of(st.just(NAN), st.floats(-1e6, 1e6)))


@pytest.mark.parametrize(
    ("method", "full", "causal"),
    [
        ("forward", [1, 1, 1, 4, 5, 5], [1, 1, 1, 4, 5, 5]),
        ("none", [1, 1, 1, 4, 5, 5], [1, 1, 1, 4, 5, 5]),
        ("interpolate", [1, 2, 3, 4, 5, 5], [1, 1, 1, 4, 5, 5]),
        ("seasonal", [1, 1, 1, 4, 5, 4], [1, 1, 1, 4, 5, 4]),
        ("zero", [1, 0, 0, 4, 5, 0], [1, 0, 0, 4, 5, 0]),
    ],
)
def test_each_method_on_a_gap_within_and_at_the_end(method: str, full: list[float], causal: list[float]):
    y = np.array([1, NAN, NAN, 4, 5, NAN])
    found = fill_gaps(y, np.array([0, 6]), method, season_length=2)
    np.testing.assert_allclose(found, [full, causal])


def test_no_value_crosses_from_one_series_to_the_next():
    y, offsets = np.array([1.0, NAN, NAN, 7.0]), np.array([0, 2, 4])
    for method in METHODS:
        full, causal = fill_gaps(y, offsets, method, season_length=1)
        np.testing.assert_array_equal(full, causal)
        assert full[1] == (0.0 if method == "zero" else 1.0)
        assert np.isnan(full[2])
    np.testing.assert_array_equal(next_observed_rows(y, offsets), [0, 4, 3, 3])


def test_a_seasonal_gap_longer_than_a_season_repeats_the_last_known_season():
    y = np.array([1.0, 2.0, 3.0, NAN, NAN, NAN, NAN, 8.0])
    full, _ = fill_gaps(y, np.array([0, 8]), "seasonal", season_length=3)
    np.testing.assert_array_equal(full, [1, 2, 3, 1, 2, 3, 1, 8])


def test_an_unknown_method_lists_the_known_ones():
    with pytest.raises(InputError, match="forward, interpolate, none, seasonal, zero, got 'mean'"):
        fill_gaps(np.zeros(1), np.array([0, 1]), "mean", 1)


@PROPERTY
@given(GAPPY, st.sampled_from(METHODS), st.integers(1, 5))
def test_observed_values_stay_and_only_rows_before_the_first_one_stay_empty(y, method, season_length):
    for filled in fill_gaps(y, np.array([0, len(y)]), method, season_length):
        seen = ~np.isnan(y)
        np.testing.assert_array_equal(filled[seen], y[seen])
        np.testing.assert_array_equal(np.isnan(filled), np.cumsum(seen) == 0)


@PROPERTY
@given(GAPPY, st.sampled_from(METHODS), st.integers(1, 5), st.data())
def test_what_an_origin_may_read_is_the_fill_of_the_truncated_series(y, method, season_length, data):
    cutoff = data.draw(st.integers(0, len(y) - 1))
    offsets, following = np.array([0, len(y)]), next_observed_rows(y, np.array([0, len(y)]))
    full, causal = fill_gaps(y, offsets, method, season_length)
    visible = np.where(following <= cutoff, full, causal)[: cutoff + 1]
    np.testing.assert_array_equal(
        visible, fill_gaps(y[: cutoff + 1], np.array([0, cutoff + 1]), method, season_length)[0]
    )


@PROPERTY
@given(GAPPY, st.sampled_from(METHODS), st.integers(1, 5), st.data())
def test_the_causal_fill_never_reads_a_later_row(y, method, season_length, data):
    cutoff = data.draw(st.integers(0, len(y) - 1))
    noisy = y.copy()
    noisy[cutoff + 1 :] = 1e9
    offsets = np.array([0, len(y)])
    before, after = (fill_gaps(v, offsets, method, season_length)[1][: cutoff + 1] for v in (y, noisy))
    np.testing.assert_array_equal(before, after)
