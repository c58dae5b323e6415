from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecasting.errors import InputError
from forecasting.series.arrays.series_arrays import Origins, require_future
from forecasting.series.checks.filling import fill_gaps
from tests.series.examples import DAY0, PROPERTY, arrays_of, daily, numbered

NAN = np.nan
VALUES = st.lists(st.one_of(st.none(), st.floats(-9, 9)), min_size=1, max_size=15)
SERIES = st.dictionaries(st.sampled_from("abc"), VALUES, min_size=1).filter(
    lambda series: any(y is not None for values in series.values() for y in values)
)


def test_series_lie_end_to_end_from_their_first_value_to_the_horizon():
    arrays = arrays_of(numbered({"b": [None, 5.0, None, 7.0], "a": [1.0]}), horizon=2)
    assert arrays.ids == ["a", "b"]
    assert arrays.offsets.tolist() == [0, 3, 8]
    assert arrays.ds.to_list() == [0, 1, 2, 1, 2, 3, 4, 5]
    np.testing.assert_array_equal(arrays.y, [1, NAN, NAN, 5, NAN, 7, NAN, NAN])
    np.testing.assert_array_equal(arrays.full, [1, 1, 1, 5, 6, 7, 7, 7])
    np.testing.assert_array_equal(arrays.causal, [1, 1, 1, 5, 5, 7, 7, 7])
    assert arrays.next_observed.tolist() == [0, 8, 8, 3, 5, 5, 8, 8]
    assert arrays.observed_before.tolist() == [1, 1, 1, 1, 1, 2, 2, 2]
    assert arrays.last_observed.tolist() == [0, 5]


def test_calendar_alignment_extends_every_series_to_the_newest_observation():
    frame = daily({"a": [1.0], "b": [1.0, 2.0, 3.0, None, None]})
    arrays = arrays_of(frame, horizon=1)
    assert arrays.offsets.tolist() == [0, 4, 8]
    assert arrays.ds.dtype == pl.Date
    assert arrays.ds.to_list() == [DAY0 + timedelta(days=i) for i in range(4)] * 2
    assert arrays_of(frame, horizon=1, align="series_end").offsets.tolist() == [0, 2, 6]


def test_periods_without_a_row_are_unobserved_and_ends_of_months_saturate():
    stamps = [date(2023, 12, 31), date(2024, 1, 31), date(2024, 3, 31)]
    frame = pl.DataFrame({"unique_id": "a", "ds": stamps, "y": [1.0, 2.0, 4.0]})
    arrays = arrays_of(frame, freq="1mo", horizon=1)
    np.testing.assert_array_equal(arrays.y, [1, 2, NAN, 4, NAN])
    assert arrays.ds.to_list()[2::2] == [date(2024, 2, 29), date(2024, 4, 30)]


def test_covariates_find_their_rows_and_their_names():
    frame = daily({"a": [1.0, 2.0, None, None], "b": [3.0, 4.0, None, None]}).with_columns(
        price=pl.Series([1.0, 2.0, 3.0, 4.0, 5.0, None, 7.0, 8.0]),
        stock=pl.Series([9.0, 8.0, None, None] * 2),
        size=pl.Series([None, 10.0, 10.0, 10.0] + [20.0] * 4),
        town=pl.Series(["x"] * 4 + [None] * 4, dtype=pl.String),
    )
    arrays = arrays_of(frame, static=["size", "town"], past=["stock"], known_future=["price"], calendar=["month"])
    np.testing.assert_array_equal(arrays.known_future[:, 0], [1, 2, 3, 4, 5, NAN, 7, 8])
    np.testing.assert_array_equal(arrays.past[:4, 0], [9, 8, NAN, NAN])
    assert arrays.static_numeric.tolist() == [[10.0], [20.0]]
    assert arrays.static_categories.tolist() == [["x"], [""]]
    assert arrays.names == {
        "static_numeric": ["size"],
        "static_categories": ["town"],
        "past": ["stock"],
        "known_future": ["price", "month_sin", "month_cos"],
    }


def test_a_missing_known_future_value_is_an_error_that_names_series_and_steps():
    frame = daily({"a": [1.0, None, None], "shop/7": [2.0, None, None]})
    frame = frame.with_columns(price=pl.Series([1.0, 1.0, 1.0, 1.0, 1.0, None]))
    arrays = arrays_of(frame, known_future=["price"])
    origins = Origins(np.array([0, 1]), arrays.last_observed, np.array([0, 0]))
    require_future(arrays, origins, horizon=1)
    with pytest.raises(InputError, match=r"covariate price .* 1 of 2 origins: 'shop/7' after 2024-01-01 \(steps 2\)"):
        require_future(arrays, origins, horizon=2)


def test_nothing_observed_and_doubled_periods_are_refused():
    with pytest.raises(InputError, match="must have an observed y"):
        arrays_of(numbered({"a": [None, None]}))
    with pytest.raises(InputError, match="one row per period of 1, got several in 'a'"):
        arrays_of(pl.concat([numbered({"a": [1.0]})] * 2))


def test_targets_and_future_stamps_follow_the_origin():
    arrays = arrays_of(numbered({"a": [1.0, 2.0, 3.0]}))
    origins = Origins(np.array([0, 0]), np.array([0, 1]), np.array([0, 1]))
    np.testing.assert_array_equal(arrays.targets(origins, 2), [[2, 3], [3, NAN]])
    assert arrays.future_ds(origins, 2).to_list() == [1, 2, 2, 3]
    assert arrays.n_observed(origins).tolist() == [1, 2]
    assert origins.take(origins.row == 1).window.tolist() == [1]


@PROPERTY
@given(SERIES, st.randoms(use_true_random=False))
def test_the_order_of_rows_changes_nothing(series, random):
    frame = daily(series)
    order = list(range(frame.height))
    random.shuffle(order)
    one, other = arrays_of(frame), arrays_of(frame[order])
    assert one.ids == other.ids
    assert one.ds.equals(other.ds)
    np.testing.assert_array_equal(one.y, other.y)
    np.testing.assert_array_equal(one.full, other.full)


@PROPERTY
@given(SERIES, st.sampled_from(["none", "forward", "interpolate", "seasonal", "zero"]), st.data())
def test_history_is_the_fill_of_the_series_cut_at_the_origin(series, fill, data):
    arrays = arrays_of(numbered(series), fill=fill)
    s = data.draw(st.integers(0, arrays.n_series - 1))
    first = arrays.offsets[s]
    row = data.draw(st.integers(first, arrays.offsets[s + 1] - 1))
    known = arrays.y[first : row + 1]
    expected = fill_gaps(known, np.array([0, len(known)]), fill, season_length=2)[0]
    np.testing.assert_array_equal(arrays.history(s, row), expected)
