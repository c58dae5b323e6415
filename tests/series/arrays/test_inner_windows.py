"""Inner windows: their number by hand on panels of the size of public sets, and what holds for any panel."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecasting.series.arrays.cutoffs import inner_origins, last_origins
from forecasting.series.arrays.inner_windows import InnerWindows, held_back, inner_windows
from forecasting.series.arrays.series_arrays import Origins, SeriesArrays
from tests.series.examples import PROPERTY, arrays_of, numbered


def grown(lengths: list[int], horizon: int) -> tuple[SeriesArrays, Origins]:
    """Series of these lengths, and their last rows."""
    arrays = arrays_of(
        numbered({f"s{i:04d}": np.arange(length, dtype=float).tolist() for i, length in enumerate(lengths)}), horizon
    )
    return arrays, last_origins(arrays, "series_end")


@pytest.mark.parametrize(
    ("lengths", "horizon", "step_size", "expected"),
    [
        (
            [1200] * 7,
            10,
            1,
            (29, 10),
        ),  # ceil(200 / 7); a horizon apart, 10 + 28 x 10 = 290 of the 300 that may be held back
        ([35_000], 24, 24, (200, 24)),  # one series: 24 + 199 x 24 = 4,800 of 8,750
        ([99] * 427, 8, None, (2, 8)),  # many series: two windows, 16 of 24 values
        ([60] * 20, 8, None, (1, 8)),  # ten windows wanted, 15 values may be held back: 8 fit, 16 do not
        ([12] * 3, 8, None, (1, 8)),  # not even one fits into 3 values: one all the same
        ([400] * 100, 10, 25, (2, 25)),  # a step of more than the horizon stays
        ([400] * 20, 10, 25, (4, 25)),  # 10 wanted; 10 + 3 x 25 = 85 of 100 fit, 110 do not
    ],
)
def test_enough_windows_within_a_quarter_of_the_history(lengths, horizon, step_size, expected):
    arrays, until = grown(lengths, horizon)
    assert inner_windows(arrays, until, horizon, None, step_size) == InnerWindows(*expected)


def test_a_number_in_the_config_is_kept_with_the_steps_of_the_evaluation():
    arrays, until = grown([50], 8)
    assert inner_windows(arrays, until, 8, 3, 1) == (3, 1)
    assert inner_windows(arrays, until, 8, 3, None) == (3, 8)


def test_rows_after_the_first_evaluation_cutoff_change_nothing():
    arrays, until = grown([400] * 20, 10)
    longer, _ = grown([4000] * 20, 10)
    same = Origins(until.series, longer.offsets[:-1] + 399, until.window)
    assert inner_windows(longer, same, 10, None, None) == inner_windows(arrays, until, 10, None, None)


def test_what_is_held_back_is_the_share_of_the_median_series():
    arrays, until = grown([40, 100, 400, 9], 10)
    inner = inner_origins(arrays, until, 10, 2, None)
    assert sorted(set(inner.series.tolist())) == [0, 1, 2]  # the last is too short for any
    assert held_back(arrays, until, inner) == pytest.approx(20 / 100)  # of 20/40, 20/100 and 20/400
    assert held_back(arrays, until, inner.take(slice(0))) == 0


@PROPERTY
@given(
    st.lists(st.integers(1, 120), min_size=1, max_size=12), st.integers(1, 9), st.one_of(st.none(), st.integers(1, 20))
)
def test_windows_are_never_too_many_nor_closer_than_a_horizon(lengths, horizon, step_size):
    arrays, until = grown(lengths, horizon)
    n_windows, apart = inner_windows(arrays, until, horizon, None, step_size)
    span = horizon + (n_windows - 1) * apart
    assert n_windows == 1 or span <= 0.25 * np.median(lengths)
    assert apart >= max(horizon, step_size or 0)
    assert n_windows <= max(2, -(-200 // len(lengths)))
    inner = inner_origins(arrays, until, horizon, n_windows, apart)
    assert held_back(arrays, until, inner) <= 1
    for s in np.unique(inner.series):
        rows = inner.row[inner.series == s]
        assert (np.diff(rows) >= horizon).all()
        assert rows.max() + horizon <= until.row[until.series == s][0]
