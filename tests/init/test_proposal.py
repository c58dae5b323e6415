from datetime import date, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from forecasting.errors import InputError
from forecasting.init.proposal import propose
from forecasting.sources.builtin import BuiltinSource


def series(ds: list, y: np.ndarray) -> pl.DataFrame:
    return pl.DataFrame({"unique_id": "a", "ds": ds, "y": y[: len(ds)]})


def wave(n: int, period: int, seed: int = 1) -> np.ndarray:
    return 10 + np.sin(np.arange(n) * 2 * np.pi / period) + 0.1 * np.random.default_rng(seed).standard_normal(n)


def days(n: int) -> list[date]:
    return [date(2022, 1, 3) + timedelta(days=i) for i in range(n)]


def test_days_with_a_week_in_them():
    found = propose(series(days(400), wave(400, 7)))
    assert (found.freq, found.season_length, found.horizon) == ("1d", 7, 14)
    assert "M4" in found.reasons["horizon"]


def test_hours_whose_week_is_a_multiple_of_the_day_get_the_day():
    stamps = [datetime(2022, 1, 3) + timedelta(hours=i) for i in range(1500)]
    found = propose(series(stamps, wave(1500, 24)))
    assert (found.freq, found.season_length, found.horizon) == ("1h", 24, 48)
    assert "168" in found.reasons["season_length"]


def test_a_missing_day_does_not_change_the_step():
    frame = series(days(300), wave(300, 7))
    assert propose(frame.filter(pl.int_range(300) % 10 != 3)).freq == "1d"


@pytest.mark.parametrize(("every", "freq", "season"), [(1, "1mo", 12), (3, "1q", 4), (12, "1y", 1)])
def test_months_quarters_and_years_are_calendar_steps(every: int, freq: str, season: int):
    stamps = [date(1950 + (i * every) // 12, (i * every) % 12 + 1, 1) for i in range(120)]
    found = propose(series(stamps, wave(120, max(season, 2))))
    assert (found.freq, found.season_length) == (freq, season)


def test_integer_steps_get_the_lag_that_repeats():
    found = propose(series(list(range(0, 600, 2)), wave(300, 11)))
    assert (found.freq, found.season_length, found.horizon) == (2, 11, 22)


def test_a_trend_or_noise_is_no_season():
    trend = propose(series(list(range(200)), np.arange(200) ** 1.5))
    noise = propose(series(list(range(200)), np.random.default_rng(3).standard_normal(200)))
    assert trend.season_length == noise.season_length == 1


def test_a_short_history_gets_a_short_horizon_of_whole_seasons():
    stamps = [date(2010 + i // 12, i % 12 + 1, 1) for i in range(70)]
    found = propose(series(stamps, wave(70, 12)))
    assert found.horizon == 12
    assert "fifth" in found.reasons["horizon"]


@pytest.mark.parametrize(
    ("name", "freq", "season"), [("co2", "1w", 52), ("elnino", "1mo", 12), ("macrodata", "1q", 4), ("fertility", 1, 1)]
)
def test_real_sets_get_what_is_known_of_them(name: str, freq: int | str, season: int):
    found = propose(BuiltinSource(name=name).read())
    assert (found.freq, found.season_length) == (freq, season)


def test_one_row_is_no_series():
    with pytest.raises(InputError, match="two time stamps, got none"):
        propose(series(days(1), wave(1, 7)))
