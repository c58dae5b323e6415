from datetime import UTC, datetime

import polars as pl
import pytest

from forecasting.errors import InputError
from forecasting.freq import parse_freq
from forecasting.series.checks.columns import Roles
from forecasting.series.checks.future import with_future
from tests.series.examples import daily

FREQ, ROLES = parse_freq("1d"), Roles((), (), ("open",))
HISTORY = daily({"a": [1.0, 2.0], "b": [3.0, 4.0]}).with_columns(open=pl.Series([1.0, None, 1.0, 0.0]))


def future(series: dict[str, list[float | None]]) -> pl.DataFrame:
    return daily(series).rename({"y": "open"})


def test_values_ahead_come_below_the_history_which_keeps_its_own():
    rows, parts = with_future(HISTORY, future({"a": [9.0, 5.0, 6.0]}), FREQ, ROLES)
    assert rows.select("unique_id", "y", "open").rows() == [
        ("a", 1.0, 1.0),
        ("a", 2.0, 5.0),
        ("a", None, 6.0),
        ("b", 3.0, 1.0),
        ("b", 4.0, 0.0),
    ]
    assert all(part.is_empty() for part in parts)


def test_a_series_without_history_is_dropped_and_counted():
    rows, parts = with_future(HISTORY, future({"new": [1.0, 1.0]}), FREQ, ROLES)
    assert rows.equals(HISTORY)
    assert parts[-1].select("unique_id", "reason", "n_rows").rows() == [("new", "unknown_future", 2)]


def test_another_kind_of_stamp_and_a_missing_covariate_are_refused():
    times = future({"a": [1.0]}).with_columns(ds=pl.lit(datetime(2024, 1, 1, tzinfo=UTC)))
    with pytest.raises(InputError, match="ds must be of one type in both sources"):
        with_future(HISTORY, times, FREQ, ROLES)
    with pytest.raises(InputError, match=r"must have the columns open, .* \(missing_column\)"):
        with_future(HISTORY, future({"a": [1.0]}).drop("open"), FREQ, ROLES)
