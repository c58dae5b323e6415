from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecasting.errors import InputError
from forecasting.freq import parse_freq
from forecasting.series.checks.snapping import Grid, at_start, grid_of, snapped, tolerance
from tests.series.examples import PROPERTY

DAY_US = 86400 * 10**6


def rows(stamps: list, name: str = "a") -> pl.DataFrame:
    ds = pl.Series("ds", stamps)
    if ds.dtype == pl.Datetime("us"):
        ds = ds.dt.replace_time_zone("UTC")
    return pl.DataFrame([pl.Series("unique_id", [name] * len(ds)), ds])


@pytest.mark.parametrize(
    ("snap", "freq", "expected"),
    [("5m", "1h", 300 * 10**6), (0.25, "1d", DAY_US // 4), (0.2, 10, 2), (None, "1d", 0), ("2d", "1mo", 2 * DAY_US)],
)
def test_the_tolerance_is_a_duration_or_a_share_of_the_period(snap, freq, expected: int):
    assert tolerance(snap, parse_freq(freq)) == expected


@pytest.mark.parametrize("snap", [0.5, -0.1, "30m", "1mo"])
def test_half_a_period_and_more_is_no_tolerance(snap):
    with pytest.raises(InputError, match=r"set data\.quality\.snap"):
        tolerance(snap, parse_freq("1h"))


@pytest.mark.parametrize(
    ("freq", "given", "start"),
    [
        ("1mo", date(2024, 1, 31), date(2024, 1, 1)),
        ("1mo", date(2023, 2, 28), date(2023, 2, 1)),
        ("1q", date(2024, 3, 31), date(2024, 1, 1)),
        ("1q", date(2024, 1, 31), date(2023, 11, 1)),  # quarters of a year that begins in February
        ("1y", date(2024, 12, 31), date(2024, 1, 1)),
        ("1mo", datetime(2024, 1, 31, 23, 59, 59), datetime(2024, 1, 1)),
    ],
)
def test_the_last_day_of_months_is_the_end_of_their_period(freq: str, given, start):
    moved, parts = at_start(rows([given]), parse_freq(freq), None)
    assert moved["ds"].equals(rows([start])["ds"])
    assert parts[0].select("reason", "n_rows").rows() == [("stamped_at_end", 1)]


def test_a_series_with_any_other_day_is_stamped_at_the_start_unless_told_otherwise():
    mixed = rows([date(2024, 1, 31), date(2024, 3, 1)])
    assert at_start(mixed, parse_freq("1mo"), None)[0].equals(mixed)
    assert at_start(rows([date(2024, 1, 31)]), parse_freq("1mo"), "start")[1] == []
    ending = at_start(rows([datetime(2024, 1, 1, 1)]), parse_freq("1h"), "end")[0]
    assert ending["ds"][0] == datetime(2024, 1, 1, tzinfo=UTC)
    assert at_start(rows([5, 10]), parse_freq(5), "end")[0]["ds"].to_list() == [0, 5]


def test_the_last_local_day_of_a_month_is_moved_to_the_first_local_one():
    berlin = pl.Series([datetime(2024, 3, 31)]).dt.replace_time_zone("Europe/Berlin").dt.convert_time_zone("UTC")
    frame = pl.DataFrame({"unique_id": ["a"], "ds": berlin.cast(pl.Datetime("us", "UTC"))})
    moved = at_start(frame, parse_freq("1mo", "Europe/Berlin"), None)[0]
    assert moved["ds"][0] == datetime(2024, 2, 29, 23, tzinfo=UTC)


@pytest.mark.parametrize(
    ("freq", "grid", "given", "expected"),
    [
        ("1h", 0, datetime(2024, 1, 1, 0, 57), datetime(2024, 1, 1, 1)),
        ("1h", 0, datetime(2024, 1, 1, 1, 3), datetime(2024, 1, 1, 1)),
        ("1w", 4 * DAY_US, date(2024, 1, 2), date(2024, 1, 1)),
        ("1w", 4 * DAY_US, date(2024, 1, 7), date(2024, 1, 8)),
        ("1mo", DAY_US, date(2024, 2, 3), date(2024, 2, 1)),
        ("1mo", DAY_US, date(2024, 1, 30), date(2024, 2, 1)),
        (10, 0, 19, 20),
    ],
)
def test_a_stamp_close_to_the_grid_is_moved_to_the_nearest_start_of_a_period(freq, grid: int, given, expected):
    frequency = parse_freq(freq)
    allowed = tolerance(0.2, frequency)
    moved, parts = snapped(rows([given]), Grid(frequency, grid), allowed)
    assert moved["ds"].equals(rows([expected])["ds"])
    assert parts[0]["reason"].to_list() == ["snapped"]


def test_a_stamp_further_away_stays_where_it_is():
    frame = rows([datetime(2024, 1, 1, 0, 20)])
    assert snapped(frame, Grid(parse_freq("1h"), 0), tolerance(0.1, parse_freq("1h")))[0].equals(frame)


@PROPERTY
@given(st.lists(st.integers(-170, 170), min_size=2, max_size=30))
def test_stamps_that_tremble_around_the_hours_find_them_again(seconds):
    freq, begin = parse_freq("1h"), datetime(2024, 1, 1)
    frame = rows([begin + timedelta(hours=i, seconds=s) for i, s in enumerate(seconds)])
    allowed = tolerance("3m", freq)
    grid = grid_of(frame["ds"], freq, allowed)
    moved = snapped(frame, grid, allowed)[0]["ds"]
    if grid.phase == 0:
        assert moved.equals(rows([begin + timedelta(hours=i) for i in range(len(seconds))])["ds"])
    else:
        assert len(set(seconds)) < len(seconds)  # another minute is more usual than the full hour is near
    assert moved.is_sorted()
