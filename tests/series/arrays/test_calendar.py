from datetime import UTC, date, datetime

import numpy as np
import polars as pl
import pytest

from forecasting.errors import InputError
from forecasting.series.arrays.calendar import CALENDAR, calendar_covariates

STAMPS = pl.Series([datetime(2024, 1, 1, 0, 0, tzinfo=UTC), datetime(2024, 12, 25, 6, 30, tzinfo=UTC)]).cast(
    pl.Datetime("us", "UTC")
)


@pytest.mark.parametrize("name", CALENDAR)
def test_every_feature_gives_one_or_two_finite_columns_within_one(name: str):
    values, titles = calendar_covariates(STAMPS, [name], "DE", None)
    assert values.shape in ((2, 1), (2, 2))
    assert values.shape[1] == len(titles)
    assert np.isfinite(values).all()
    assert np.abs(values).max() <= 1.0
    assert all(title.startswith(name) for title in titles)


def test_the_hour_is_a_point_on_the_circle():
    values, titles = calendar_covariates(STAMPS, ["hour"], None, None)
    np.testing.assert_allclose(values, [[0, 1], [1, 0]], atol=1e-12)
    assert titles == ["hour_sin", "hour_cos"]


def test_the_clock_is_that_of_the_time_zone():
    summer = pl.Series([datetime(2024, 7, 1, 4, tzinfo=UTC)])
    values, _ = calendar_covariates(summer, ["hour"], None, "Europe/Berlin")
    np.testing.assert_allclose(values, [[1, 0]], atol=1e-12)  # six in the morning


def test_the_day_of_the_week_starts_on_monday():
    values, _ = calendar_covariates(pl.Series([date(2024, 1, 1)]), ["day_of_week"], None, None)
    np.testing.assert_allclose(values, [[0, 1]])


@pytest.mark.parametrize(("country", "expected"), [("DE", [1, 0, 0]), ("DE-BY", [1, 1, 0]), ("US", [0, 0, 1])])
def test_holidays_are_those_of_the_country_or_its_part(country: str, expected: list[int]):
    days = pl.Series([date(2024, 10, 3), date(2024, 1, 6), date(2024, 7, 4)])
    values, titles = calendar_covariates(days, ["holiday"], country, None)
    assert values[:, 0].tolist() == expected
    assert titles == ["holiday"]


def test_no_features_give_no_columns():
    values, titles = calendar_covariates(pl.Series([1, 2]), [], None, None)
    assert (values.shape, titles) == ((2, 0), [])


@pytest.mark.parametrize(
    ("ds", "name", "country", "timezone", "message"),
    [
        (pl.Series([1]), "month", None, None, "need a Date or Datetime"),
        (pl.Series([date(2024, 1, 1)]), "hour", None, None, "hour needs a Datetime"),
        (STAMPS, "moon", None, None, "a calendar feature must be one of"),
        (STAMPS, "holiday", None, None, "needs a country"),
        (STAMPS, "holiday", "XX", None, "country of holidays must be known, got 'XX'"),
        (STAMPS, "hour", None, "Mars/Base", "time zone must be known, got 'Mars/Base'"),
    ],
)
def test_what_the_calendar_cannot_say_is_an_input_error(ds, name, country, timezone, message):
    with pytest.raises(InputError, match=message):
        calendar_covariates(ds, [name], country, timezone)
