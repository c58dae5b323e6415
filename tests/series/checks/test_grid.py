from datetime import date, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecasting.errors import InputError
from forecasting.freq import parse_freq
from forecasting.series.checks.grid import to_grid
from tests.series.examples import DAY0, PROPERTY, arrays_of, daily

DAILY = parse_freq("1d")
SERIES = st.dictionaries(
    st.sampled_from("abc"), st.lists(st.one_of(st.none(), st.floats(-9, 9)), min_size=1, max_size=12), min_size=1
)


def test_missing_periods_become_null_rows_and_nulls_stay():
    frame = daily({"a": [1.0, None, 3.0, 4.0]}).with_columns(price=pl.lit(2.0)).gather([0, 1, 3])
    assert to_grid(frame, DAILY).rows() == [
        ("a", DAY0, 1.0, 2.0),
        ("a", DAY0 + timedelta(days=1), None, 2.0),
        ("a", DAY0 + timedelta(days=2), None, None),
        ("a", DAY0 + timedelta(days=3), 4.0, 2.0),
    ]


def test_rows_before_the_first_value_are_cut_and_rows_after_the_last_stay():
    grid = to_grid(daily({"a": [None, 1.0, None], "b": [None, None]}), DAILY)
    assert grid["ds"].to_list() == [DAY0 + timedelta(days=1), DAY0 + timedelta(days=2)]


@pytest.mark.parametrize(
    ("freq", "stamps", "inserted"),
    [
        ("1w", [date(2024, 1, 6), date(2024, 1, 20)], date(2024, 1, 13)),
        ("1mo", [date(2023, 12, 31), date(2024, 1, 31), date(2024, 3, 31)], date(2024, 2, 29)),
        ("1q", [date(2024, 2, 1), date(2024, 8, 1)], date(2024, 5, 1)),
        (2, [1, 5], 3),
    ],
)
def test_weeks_months_and_steps_keep_the_anchor_of_the_data(freq: str | int, stamps: list[object], inserted: object):
    frame = pl.DataFrame({"unique_id": "a", "ds": stamps, "y": 1.0})
    grid = to_grid(frame, parse_freq(freq))
    assert grid.filter(pl.col("y").is_null())["ds"].to_list() == [inserted]
    assert grid.drop_nulls()["ds"].to_list() == stamps


@PROPERTY
@given(SERIES, st.randoms(use_true_random=False), st.data())
def test_the_grid_is_idempotent_and_blind_to_the_order_of_rows(series, random, data):
    frame = daily(series)
    kept = frame.filter(pl.Series(data.draw(st.lists(st.booleans(), min_size=frame.height, max_size=frame.height))))
    order = list(range(kept.height))
    random.shuffle(order)
    grid = to_grid(kept, DAILY)
    assert to_grid(kept[order], DAILY).equals(grid)
    assert to_grid(grid, DAILY).equals(grid)


@PROPERTY
@given(SERIES)
def test_the_grid_invents_and_loses_no_value(series):
    frame = daily(series).filter(pl.col("y").is_not_null())
    grid = to_grid(frame, DAILY)
    assert grid.drop_nulls("y").equals(frame.sort("unique_id", "ds"))
    spans = frame.group_by("unique_id").agg(((pl.col("ds").max() - pl.col("ds").min()).dt.total_days() + 1).alias("n"))
    assert grid.height == spans["n"].sum()


def test_two_rows_in_one_period_are_refused():
    frame = pl.DataFrame({"unique_id": "a", "ds": [date(2024, 1, 1), date(2024, 1, 9)], "y": 1.0})
    with pytest.raises(InputError, match="one row per period of 1mo, got several in 1 series such as 'a'"):
        to_grid(frame, parse_freq("1mo"))


def test_a_stray_stamp_does_not_explode_the_grid():
    stamps = [datetime(1970, 1, 1), datetime(2024, 1, 1)]
    frame = pl.DataFrame({"unique_id": ["a", "a"], "ds": stamps, "y": [1.0, 2.0]})
    with pytest.raises(InputError, match=r"may have at most 1000000 rows, got .* 'a' alone spans"):
        to_grid(frame, parse_freq("1m"))


def test_nothing_stays_nothing():
    empty = daily({"a": [1.0]}).clear()
    assert to_grid(empty, DAILY).equals(empty)


def test_local_days_are_regular_across_the_change_of_the_clock():
    days = [datetime(2024, 3, 29), datetime(2024, 4, 1)]
    berlin = pl.Series("ds", days).dt.replace_time_zone("Europe/Berlin").dt.convert_time_zone("UTC")
    frame = pl.DataFrame({"unique_id": "a", "ds": berlin.cast(pl.Datetime("us", "UTC")), "y": 1.0})
    grid = to_grid(frame, parse_freq("1d", "Europe/Berlin"))
    local = grid["ds"].dt.convert_time_zone("Europe/Berlin").dt.replace_time_zone(None)
    assert local.to_list() == [datetime(2024, 3, 29) + timedelta(days=i) for i in range(4)]


@PROPERTY
@given(SERIES, st.integers(0, 3))
def test_observed_and_missing_rows_add_up_to_the_grid_and_the_mask_says_which(series, horizon):
    frame = daily(series)
    grid = to_grid(frame, DAILY)
    if grid.is_empty():
        return
    arrays = arrays_of(grid, horizon=horizon, align="series_end")
    observed = arrays.next_observed == np.arange(len(arrays.y))
    assert observed.sum() == frame["y"].count()
    np.testing.assert_array_equal(observed, ~np.isnan(arrays.y))
    spans = np.diff(arrays.offsets) - horizon
    assert (~observed).sum() == spans.sum() + horizon * arrays.n_series - observed.sum()
    np.testing.assert_array_equal(
        arrays.observed_before[arrays.offsets[1:] - 1],
        frame.group_by("unique_id").agg(pl.col("y").count()).filter(pl.col("y") > 0).sort("unique_id")["y"].to_numpy(),
    )
