from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecasting.freq import parse_freq
from forecasting.series.checks.local_time import in_utc
from tests.series.examples import PROPERTY

BERLIN = "Europe/Berlin"
ZONES = [BERLIN, "America/New_York", "America/Sao_Paulo", "Australia/Lord_Howe", "Asia/Kolkata", "UTC"]


def rows(stamps: list[datetime], name: str = "a") -> pl.DataFrame:
    return pl.DataFrame({"unique_id": name, "ds": pl.Series(stamps, dtype=pl.Datetime("us")), "y": 1.0})


def utc(stamps: list[datetime], freq: str, zone: str | None) -> tuple[list[Any], list[str]]:
    """Instants without their zone, and the reasons found."""
    frame, parts = in_utc(rows(stamps).sort("ds", maintain_order=True), parse_freq(freq, zone))
    return [ds.replace(tzinfo=None) for ds in frame["ds"]], [part["reason"][0] for part in parts]


def walls(first: datetime, n: int, step: timedelta, zone: str) -> list[datetime]:
    """What the clock of `zone` shows at n instants from `first` (UTC) on."""
    return [(first + i * step).astimezone(ZoneInfo(zone)).replace(tzinfo=None) for i in range(n)]


def test_local_hours_become_the_instants_at_which_the_clock_showed_them():
    assert utc([datetime(2024, 1, 1, 12), datetime(2024, 7, 1, 12)], "1h", BERLIN) == (
        [datetime(2024, 1, 1, 11), datetime(2024, 7, 1, 10)],
        [],
    )


def test_the_two_rows_of_a_repeated_hour_are_its_two_instants_in_the_order_of_the_rows():
    frame = rows([datetime(2024, 10, 27, h) for h in (1, 2, 2, 3)]).with_columns(y=pl.Series([1.0, 2.0, 3.0, 4.0]))
    told, parts = in_utc(frame, parse_freq("1h", BERLIN))
    assert [ds.hour for ds in told["ds"]] == [23, 0, 1, 2]
    assert told["y"].to_list() == [1.0, 2.0, 3.0, 4.0]
    assert parts == []


def test_a_single_row_in_a_repeated_hour_is_the_first_one():
    assert utc([datetime(2024, 10, 27, 2)], "1h", BERLIN)[0] == [datetime(2024, 10, 27, 0)]


def test_two_rows_cannot_be_told_apart_where_other_stamps_are_doubled_too():
    doubled = [datetime(2024, 10, 27, 0)] * 2 + [datetime(2024, 10, 27, 2)] * 2
    assert utc(doubled, "1h", BERLIN)[1] == ["ambiguous_local_hour"]


def test_a_local_time_that_never_was_is_taken_out_and_named():
    stamps = [datetime(2024, 3, 31, 1), datetime(2024, 3, 31, 2, 30), datetime(2024, 3, 31, 3)]
    assert utc(stamps, "30m", BERLIN) == ([datetime(2024, 3, 31, 0), datetime(2024, 3, 31, 1)], ["missing_local_hour"])


def test_a_day_begins_at_local_midnight_or_where_the_clock_skips_that_an_hour_later():
    days = [datetime(2018, 11, 3), datetime(2018, 11, 4), datetime(2018, 11, 5)]
    assert utc(days, "1d", "America/Sao_Paulo") == (
        [datetime(2018, 11, 3, 3), datetime(2018, 11, 4, 3), datetime(2018, 11, 5, 2)],
        [],
    )


@PROPERTY
@given(
    st.datetimes(datetime(1990, 1, 1), datetime(2030, 1, 1)),
    st.sampled_from(ZONES),
    st.sampled_from([15, 30, 60]),
    st.integers(1, 80),
)
def test_what_a_clock_shows_at_regular_instants_comes_back_as_those_instants(first, zone, minutes, n):
    start = first.replace(minute=0, second=0, microsecond=0, tzinfo=UTC)
    step = timedelta(minutes=minutes)
    if zone == "Australia/Lord_Howe" and minutes == 60:
        return  # its clock changes by half an hour: stamps of its hours are not an hour apart
    found, reasons = utc(walls(start, n, step, zone), f"{minutes}m", zone)
    whole = utc(sorted(walls(start, n, step, zone)), f"{minutes}m", zone)[0] == found
    assert whole
    instants = [(start + i * step).replace(tzinfo=None) for i in range(n)]
    # A history that begins within the second showing of an hour holds it once: then it counts as the first.
    unsure = {wall for wall in walls(start, n, step, zone) if _shown_twice(wall, zone)}
    if all(walls(start, n, step, zone).count(wall) == 2 for wall in unsure):
        assert found == instants
    assert reasons == []


def _shown_twice(wall: datetime, zone: str) -> bool:
    first, second = (wall.replace(tzinfo=ZoneInfo(zone), fold=fold).utcoffset() for fold in (0, 1))
    return first != second


@pytest.mark.parametrize("zone", [BERLIN, "America/New_York", "Australia/Sydney", "Europe/London"])
def test_without_a_zone_a_year_of_local_hours_is_refused_and_the_clock_is_named(zone: str):
    year = walls(datetime(2024, 1, 1, tzinfo=UTC), 366 * 24, timedelta(hours=1), zone)
    _, parts = in_utc(rows(sorted(year)), parse_freq("1h"))
    assert [part["reason"][0] for part in parts] == ["local_without_zone"]
    assert f"as on the clock of {zone}" in parts[0]["detail"][0]
    assert "set data.timezone" in parts[0]["detail"][0]
    assert in_utc(rows(sorted(year)), parse_freq("1h", zone))[1] == []


def test_without_a_zone_springs_alone_give_local_hours_away():
    two_years = walls(datetime(2023, 1, 1, tzinfo=UTC), 2 * 365 * 24, timedelta(hours=1), BERLIN)
    once = sorted(set(two_years))  # a source that merged the repeated hours
    assert utc(once, "1h", None)[1] == ["local_without_zone"]
    assert utc([*once[:20], *once[30:]], "1h", None)[1] == ["local_without_zone"]


def test_without_a_zone_regular_stamps_and_gaps_of_a_failing_sensor_are_utc():
    hours = [datetime(2024, 3, 1) + timedelta(hours=i) for i in range(24 * 60)]
    assert utc(hours, "1h", None)[1] == []
    gaps = [h for h in hours if h not in (datetime(2024, 3, 31, 2), datetime(2024, 3, 10, 9), datetime(2024, 4, 2, 5))]
    assert utc(gaps, "1h", None)[1] == []
    doubled = sorted([*hours, hours[5], datetime(2024, 3, 31, 2)])
    assert utc(doubled, "1h", None)[1] == []
    assert utc(hours, "1h", None)[0] == hours


@pytest.mark.parametrize("freq", ["1d", "6h"])
def test_longer_steps_without_a_zone_are_taken_as_they_are(freq: str):
    days = [datetime(2024, 10, 26) + timedelta(days=i) for i in range(4)]
    assert utc(days, freq, None) == (days, [])


def test_hours_that_become_days_are_told_apart_and_refused_like_hours():
    hours = sorted(walls(datetime(2024, 10, 26, tzinfo=UTC), 72, timedelta(hours=1), BERLIN))
    whole, parts = in_utc(rows(hours), parse_freq("1d", BERLIN), finer=True)
    assert whole["ds"].dt.replace_time_zone(None).to_list() == [
        datetime(2024, 10, 26) + timedelta(hours=i) for i in range(72)
    ]
    assert parts == []
    assert in_utc(rows(hours), parse_freq("1d"), finer=True)[1][0]["reason"].to_list() == ["local_without_zone"]


def test_days_that_become_months_may_begin_at_a_midnight_that_the_clock_skips():
    days = [datetime(2018, 11, 3) + timedelta(days=i) for i in range(3)]
    found = in_utc(rows(days), parse_freq("1mo", "America/Sao_Paulo"), finer=True)
    assert [ds.hour for ds in found[0]["ds"]] == [3, 3, 2]
    assert found[1] == []
