from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecasting.errors import InputError
from forecasting.freq import parse_freq
from forecasting.series.checks.aggregation import AggregateSettings, aggregated
from forecasting.series.checks.columns import Roles
from tests.series.examples import PROPERTY, daily, numbered

SUM, MEAN = AggregateSettings("sum"), AggregateSettings("mean")


def coarse(
    frame: pl.DataFrame, freq: str | int, settings: AggregateSettings = SUM, zone: str | None = None
) -> list[tuple]:
    return aggregated(frame, parse_freq(freq, zone), Roles(), settings)[0].select("ds", "y").rows()


def test_days_become_weeks_from_monday_and_incomplete_ones_at_either_end_have_no_y():
    frame = daily({"a": [float(i) for i in range(10)]}, date(2024, 1, 6))  # a Saturday
    rows, parts = aggregated(frame, parse_freq("1w"), Roles(), SUM)
    assert rows.select("ds", "y").rows() == [
        (date(2024, 1, 1), None),
        (date(2024, 1, 8), float(sum(range(2, 9)))),
        (date(2024, 1, 15), None),
    ]
    assert parts[0].select("reason", "n_rows").rows() == [("incomplete_period", 3)]
    assert "2 periods, the first 2024-01-01 with 2 of 7 steps" in parts[0]["detail"][0]


def test_a_step_that_is_missing_or_null_leaves_its_period_without_y_unless_a_share_is_enough():
    frame = daily({"a": [1.0] * 6 + [None] + [3.0] * 6}).filter(pl.col("ds") != date(2024, 1, 9))
    assert [y for _, y in coarse(frame, "1w", MEAN)] == [None, None]
    assert [y for _, y in coarse(frame, "1w", AggregateSettings("mean", min_share=0.7))] == [1.0, 3.0]


@pytest.mark.parametrize(("freq", "days"), [("1mo", 31), ("1q", 91), ("1y", 366)])
def test_calendar_periods_need_as_many_steps_as_they_are_long(freq: str, days: int):
    frame = daily({"a": [1.0] * 366})
    assert coarse(frame, freq)[0] == (date(2024, 1, 1), float(days))


def test_months_become_quarters_and_years_by_count():
    months = pl.DataFrame({"unique_id": "a", "ds": [date(2024, m, 1) for m in range(1, 13)], "y": 1.0})
    assert coarse(months, "1q")[:2] == [(date(2024, 1, 1), 3.0), (date(2024, 4, 1), 3.0)]
    assert coarse(months, "1y") == [(date(2024, 1, 1), 12.0)]


def test_a_local_day_has_23_or_25_hours():
    hours = [datetime(2024, 3, 29, 23, tzinfo=UTC) + timedelta(hours=i) for i in range(24 + 23)]
    frame = pl.DataFrame({"unique_id": "a", "ds": pl.Series(hours).cast(pl.Datetime("us", "UTC")), "y": 1.0})
    days = coarse(frame, "1d", zone="Europe/Berlin")
    assert [y for _, y in days] == [24.0, 23.0]
    assert days[1][0] == datetime(2024, 3, 30, 23, tzinfo=UTC)


def test_covariates_follow_their_own_rule_and_static_ones_stay():
    frame = numbered({"a": [1.0, 2.0, 3.0, None]}).with_columns(
        price=pl.Series([1.0, None, 3.0, 5.0]), promo=pl.Series([0.0, 1.0, 0.0, 0.0]), town=pl.lit("x")
    )
    settings = AggregateSettings("sum", {"promo": "max"})
    rows, _ = aggregated(frame, parse_freq(2), Roles(("town",), ("price",), ("promo",)), settings)
    assert rows.rows() == [("a", 0, 3.0, 1.0, 1.0, "x"), ("a", 2, None, 4.0, 0.0, "x")]
    with pytest.raises(InputError, match="a covariate to aggregate must be one of price, got 'size'"):
        aggregated(frame, parse_freq(2), Roles((), ("price",)), AggregateSettings("sum", {"size": "max"}))


@PROPERTY
@given(
    st.dictionaries(st.sampled_from("abc"), st.lists(st.floats(-9, 9), min_size=2, max_size=30), min_size=1),
    st.integers(2, 6),
)
def test_complete_periods_add_up_to_the_steps_within_them(series, step):
    rows, _ = aggregated(numbered(dict(sorted(series.items()))), parse_freq(step), Roles(), SUM)
    for name, values in series.items():
        whole = len(values) // step
        expected = [sum(values[i * step : (i + 1) * step]) for i in range(whole)]
        found = rows.filter(pl.col("unique_id") == name)
        assert found["y"].drop_nulls().to_list() == pytest.approx(expected)
        assert found["ds"].to_list() == [i * step for i in range(-(-len(values) // step))]
