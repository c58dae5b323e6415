"""From the layout of a file to the long frame: our column names, and one row per (unique_id, ds).

long: a row is one value. wide: a row is one time stamp, every further column one series. wide_rows: a row is one
series, the columns whose names are time stamps hold its values.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal

import polars as pl

from forecasting.errors import InputError
from forecasting.schema import DS, UNIQUE_ID, Y

Layout = Literal["long", "wide", "wide_rows"]


def renamed(frame: pl.DataFrame, columns: Mapping[str, str], needed: Sequence[str]) -> pl.DataFrame:
    """`frame` with the columns that `columns` maps (our name -> theirs) under our names, the others as they are.

    A column that already has our name gives way to the mapped one. Raises InputError for a mapped or needed column that
    is not there, listing those that are.
    """
    for ours, theirs in [*columns.items(), *((name, name) for name in needed if name not in columns)]:
        if theirs not in frame.columns:
            raise InputError(
                f"column {theirs!r} (for {ours}) must be in the source, it has {', '.join(map(repr, frame.columns))}: "
                f"set data.source.columns.{ours}, or data.source.layout of a csv"
            )
    rest = [name for name in frame.columns if name not in columns.values() and name not in columns]
    return frame.select(*(pl.col(theirs).alias(ours) for ours, theirs in columns.items()), *rest)


def to_long(frame: pl.DataFrame, layout: Layout, columns: Mapping[str, str], ignore: Sequence[str]) -> pl.DataFrame:
    """The long frame of `frame`; `ignore` names columns (as in the source) that are neither series nor time stamps."""
    kept = frame.drop(name for name in ignore if name in frame.columns)
    if layout == "long":
        return renamed(kept, columns, [UNIQUE_ID, DS, Y])
    if layout == "wide":
        wide = renamed(kept, columns, [DS])
        index = [DS, *(name for name in columns if name != DS)]
        return _unpivoted(wide, index, UNIQUE_ID).select(UNIQUE_ID, DS, Y, *index[1:])
    wide = renamed(kept, columns, [UNIQUE_ID])
    index = [UNIQUE_ID, *(name for name in columns if name != UNIQUE_ID)]
    stamps = _stamps([name for name in wide.columns if name not in index])
    long = _unpivoted(wide, index, DS)
    return long.with_columns(pl.Series(DS, stamps).gather(_column_number(long.height, wide.height))).select(
        UNIQUE_ID, DS, Y, *index[1:]
    )


def _unpivoted(frame: pl.DataFrame, index: list[str], name: str) -> pl.DataFrame:
    """One row per row of `frame` and column beyond `index`, column by column; the values must be of one kind."""
    values = [column for column in frame.columns if column not in index]
    if not values:
        raise InputError(f"a wide source must have columns beside {', '.join(index)}, got none: set data.source.layout")
    typed = [column for column in values if frame[column].null_count() < frame.height]
    texts = [column for column in typed if not frame.schema[column].is_numeric()]
    if texts:
        shown = ", ".join(map(repr, texts[:10]))
        raise InputError(
            f"the value columns of a wide source must hold numbers, got {shown}: name other columns in "
            "data.source.ignore or data.source.columns, and missing values in data.source.null_values"
        )
    floats = frame.with_columns(pl.col(values).cast(pl.Float64))
    return floats.unpivot(values, index=index, variable_name=name, value_name=Y)


def _column_number(height: int, rows: int) -> pl.Series:
    return pl.select(pl.int_range(height) // rows).to_series()


def _stamps(names: list[str]) -> pl.Series:
    """Column names as Int64 or Date."""
    if all(name.strip().lstrip("-").isdigit() for name in names):
        return pl.Series(DS, [int(name) for name in names], dtype=pl.Int64)
    try:
        return pl.Series(DS, [datetime.fromisoformat(name.strip()).date() for name in names], dtype=pl.Date)
    except ValueError as error:
        raise InputError(
            f"the value columns of a wide_rows source must be named by integers or ISO dates, got {error}: name other "
            "columns in data.source.ignore or data.source.columns"
        ) from None
