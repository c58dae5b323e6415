"""Small tables for the tests of this folder."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import polars as pl
from hypothesis import settings

from forecasting.series.arrays.series_arrays import Reading, SeriesArrays, to_arrays

PROPERTY = settings(max_examples=80)
DAY0 = date(2024, 1, 1)
Values = Sequence[float | None]


def daily(series: Mapping[str, Values], start: date = DAY0) -> pl.DataFrame:
    """One row per value, all series from `start` on."""
    rows = [(name, start + timedelta(days=i), y) for name, values in series.items() for i, y in enumerate(values)]
    return pl.DataFrame(rows, schema={"unique_id": pl.String, "ds": pl.Date, "y": pl.Float64}, orient="row")


def numbered(series: Mapping[str, Values]) -> pl.DataFrame:
    """The same with integer ds from 0."""
    rows = [(name, i, y) for name, values in series.items() for i, y in enumerate(values)]
    return pl.DataFrame(rows, schema={"unique_id": pl.String, "ds": pl.Int64, "y": pl.Float64}, orient="row")


def arrays_of(frame: pl.DataFrame, horizon: int = 2, **changes: Any) -> SeriesArrays:
    """`to_arrays` with plain defaults for daily or numbered frames."""
    plain = {"freq": "1" if frame.schema["ds"].is_integer() else "1d", "season_length": 2}
    return to_arrays(frame, Reading(horizon=horizon, **plain | changes))
