from datetime import date, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecasting.errors import InputError
from forecasting.freq import Frequency, parse_freq
from tests.series.examples import PROPERTY


def at(freq: Frequency, ds: pl.Series) -> pl.Series:
    """Each stamp through its ordinal and back."""
    phase = freq.phase(ds)
    return pl.DataFrame({"ds": ds}).select(freq.at(freq.ordinal(pl.col("ds")), phase, ds.dtype)).to_series()


@pytest.mark.parametrize("text", ["0d", "d", "1 d", "1x", "-1d", "1.5h", "", 0, -1, True, 1.5, None])
def test_what_is_no_period_is_refused(text: object):
    with pytest.raises(InputError, match=r"freq must be .* set data\.freq"):
        parse_freq(text)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "stamps"),
    [
        ("1d", [date(2024, 2, 28), date(2024, 2, 29), date(2024, 3, 1)]),
        ("1w", [date(2024, 1, 6), date(2024, 1, 13), date(2024, 1, 20)]),
        ("1mo", [date(2024, 1, 15), date(2024, 2, 15), date(2024, 3, 15)]),
        ("1mo", [date(2023, 12, 31), date(2024, 1, 31), date(2024, 2, 29), date(2024, 3, 31), date(2024, 4, 30)]),
        ("1mo", [date(2024, 1, 30), date(2024, 2, 29), date(2024, 3, 30)]),
        ("1q", [date(2023, 11, 1), date(2024, 2, 1), date(2024, 5, 1)]),
        ("1q", [date(2023, 12, 31), date(2024, 3, 31), date(2024, 6, 30), date(2024, 9, 30)]),
        ("1y", [date(2023, 7, 1), date(2024, 7, 1), date(2025, 7, 1)]),
        ("1h", [datetime(2024, 1, 1, 0, 30), datetime(2024, 1, 1, 1, 30)]),
        ("1mo", [datetime(2024, 1, 1, 6), datetime(2024, 2, 1, 6)]),
        (5, [3, 8, 13]),
        (5, [-7, -2, 3]),
    ],
)
def test_neighbours_lie_one_ordinal_apart_and_come_back_from_it(text: str | int, stamps: list[object]):
    freq, ds = parse_freq(text), pl.Series("ds", stamps)
    if isinstance(stamps[0], datetime):
        ds = ds.cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    ordinals = pl.DataFrame({"ds": ds}).select(freq.ordinal(pl.col("ds"))).to_series()
    assert ordinals.diff().drop_nulls().unique().to_list() == [1]
    assert at(freq, ds).rename("ds").equals(ds)
    assert pl.DataFrame({"ds": ds}).select(freq.on_phase(pl.col("ds"), freq.phase(ds)).all()).item()


def test_the_phase_is_that_of_most_stamps():
    saturdays = pl.Series([date(2024, 1, 6) + timedelta(weeks=i) for i in range(5)])
    freq = parse_freq("1w")
    assert freq.phase(saturdays) == freq.phase(pl.concat([saturdays, pl.Series([date(2024, 1, 8)])]))
    assert freq.phase(saturdays) != freq.phase(pl.Series([date(2024, 1, 8)]))


@PROPERTY
@given(st.dates(date(1900, 1, 1), date(2100, 1, 1)), st.sampled_from(["1d", "3d", "1w", "1mo", "1q", "1y"]))
def test_a_single_stamp_lies_on_its_own_grid(day: date, text: str):
    freq, ds = parse_freq(text), pl.Series("ds", [day])
    assert at(freq, ds).to_list() == [day]
    assert pl.DataFrame({"ds": ds}).select(freq.on_phase(pl.col("ds"), freq.phase(ds))).item()


@PROPERTY
@given(
    st.dates(date(1990, 1, 1), date(2030, 1, 1)),
    st.sampled_from(["1d", "1w", "1mo", "1q", "1y"]),
    st.sampled_from(["Europe/Berlin", "America/Sao_Paulo", "America/New_York", "Asia/Tehran"]),
    st.sampled_from([0, 6]),
    st.integers(1, 40),
)
def test_days_and_longer_follow_the_clock_of_the_zone(first: date, text: str, zone: str, hour: int, n: int):
    """The walls of the grid are those of the same grid without a zone, but for a midnight that the clock skips."""
    freq, plain = parse_freq(text, zone), parse_freq(text)
    begin = pl.Series("ds", [datetime(first.year, first.month, first.day, hour)]).cast(pl.Datetime("us"))
    phase = plain.phase(begin)
    number = pl.DataFrame({"o": range(n)}).with_columns(
        o=pl.col("o") + pl.DataFrame({"ds": begin}).select(plain.ordinal(pl.col("ds"))).item()
    )
    utc = number.select(freq.at(pl.col("o"), phase, pl.Datetime("us", "UTC"))).to_series().rename("ds")
    walls = number.select(plain.at(pl.col("o"), phase, pl.Datetime("us"))).to_series()
    shown = utc.dt.convert_time_zone(zone).dt.replace_time_zone(None)
    assert set((shown - walls).dt.total_minutes()) <= {0, 60}
    frame = pl.DataFrame({"ds": utc})
    assert frame.select(freq.ordinal(pl.col("ds"))).to_series().to_list() == number["o"].to_list()
    assert frame.select(freq.on_phase(pl.col("ds"), phase).all()).item()


def test_a_day_has_23_or_25_hours_where_the_clock_changes_and_hours_are_elapsed_time():
    freq = parse_freq("1d", "Europe/Berlin")
    days = pl.Series("ds", [datetime(2024, 3, 30, 23), datetime(2024, 3, 31, 22)]).dt.replace_time_zone("UTC")
    ordinals = pl.DataFrame({"ds": days}).select(freq.ordinal(pl.col("ds"))).to_series()
    assert ordinals.diff().to_list() == [None, 1]
    assert not parse_freq("1h", "Europe/Berlin").by_clock
    assert parse_freq("1d", "Europe/Berlin").of_type(pl.Date()) == parse_freq("1d")


def test_a_zone_that_does_not_exist_is_refused():
    with pytest.raises(InputError, match=r"time zone must be known, got 'Mars/Base': set data\.timezone"):
        parse_freq("1d", "Mars/Base")
