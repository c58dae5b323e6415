"""From the layout of a table to the long frame: our column names, and one row per (unique_id, ds).

long: a row is one value. wide: a row is one time stamp, every further column one series. wide_rows: a row is one
series, the columns whose names are time stamps hold its values.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal

import polars as pl

from forecasting.errors import InputError
from forecasting.schema import DS, UNIQUE_ID, Y

Layout = Literal["long", "wide", "wide_rows"]
_HOURS = ("%H", "%I", "%T", "%R", "%s")
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?")


def renamed(frame: pl.LazyFrame, columns: Mapping[str, str], needed: Sequence[str]) -> pl.LazyFrame:
    """`frame` with the columns that `columns` maps (our name -> theirs) under our names, keys first, then the others.

    A column that already has our name gives way to the mapped one. Raises InputError for a mapped or needed column that
    is not there, listing those that are.
    """
    names = frame.collect_schema().names()
    theirs_by_ours = {name: name for name in needed} | dict(columns)
    for ours, theirs in theirs_by_ours.items():
        if theirs not in names:
            raise InputError(
                f"column {theirs!r} (for {ours}) must be in the source, it has {_listed(names)}: "
                f"set data.source.columns.{ours}, or data.source.layout or delimiter where the table is another one"
            )
    keys = [name for name in (UNIQUE_ID, DS, Y) if name in theirs_by_ours]
    first = [*keys, *(name for name in theirs_by_ours if name not in keys)]
    rest = [name for name in names if name not in theirs_by_ours.values() and name not in theirs_by_ours]
    return frame.select(*(pl.col(theirs_by_ours[ours]).alias(ours) for ours in first), *rest)


def to_long(
    frame: pl.LazyFrame, layout: Layout, columns: Mapping[str, str], ignore: Sequence[str], needs: Sequence[str]
) -> pl.LazyFrame:
    """The long frame of `frame`; `ignore` names columns (as in the source) that are neither series nor time stamps."""
    kept = frame.drop(ignore, strict=False)
    if layout == "long":
        return renamed(kept, columns, needs)
    key, other = (DS, UNIQUE_ID) if layout == "wide" else (UNIQUE_ID, DS)
    table = renamed(kept, columns, [key])
    index = [key, *(name for name in columns if name != key)]
    values = value_columns(table.collect_schema(), index)
    stacked = table.with_columns(pl.col(values).cast(pl.Float64)).unpivot(
        values, index=index, variable_name=other, value_name=Y
    )
    if layout == "wide_rows":
        stacked = stacked.with_columns(pl.col(DS).replace_strict(values, _stamps(values)))
    return stacked.select(UNIQUE_ID, DS, Y, *index[1:])


def value_columns(schema: pl.Schema, index: Sequence[str]) -> list[str]:
    """The columns beyond `index`; raises InputError where there is none or one that holds no numbers."""
    values = [column for column in schema if column not in index]
    if not values:
        raise InputError(f"a wide source must have columns beside {', '.join(index)}, got none: set data.source.layout")
    texts = [
        column for column in values if not (schema[column].is_numeric() or schema[column] in (pl.Null, pl.Boolean))
    ]
    if texts:
        raise InputError(
            f"the value columns of a wide source must hold numbers, got {_listed(texts)}: name other columns in "
            "data.source.ignore or data.source.columns, and missing values in data.source.null_values"
        )
    return values


def _listed(names: Sequence[str]) -> str:
    return ", ".join(map(repr, names[:10])) + (f" and {len(names) - 10} more" if len(names) > 10 else "")


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


def with_stamps(rows: pl.LazyFrame, ds_format: str | None) -> pl.LazyFrame:
    """Rows whose `ds` is text with `ds` as Date or Datetime; other types stay.

    Without a format the first stamp tells whether all are ISO dates or ISO times; where it is neither, text stays text and
    the checks of the series refuse it. A later text that does not follow fails the read.
    """
    if ds_format is not None:
        return rows.with_columns(_parsed(ds_format))
    if rows.collect_schema().get(DS) != pl.String:
        return rows
    first = rows.select(pl.col(DS).drop_nulls().head(1)).collect()[DS].to_list()
    if first and _DATE.fullmatch(first[0]):
        return rows.with_columns(pl.col(DS).str.to_date("%Y-%m-%d"))
    if first and _TIME.fullmatch(first[0]):
        return rows.with_columns(pl.col(DS).str.to_datetime(time_unit="us"))
    return rows


def require_iso(text: str | None, place: object) -> None:
    """Raises InputError for a stamp that could mean several days: 01/02/2024 is January or February."""
    if text is not None and not (_DATE.fullmatch(text.strip()) or _TIME.fullmatch(text.strip())):
        raise InputError(
            f"time stamps must be ISO (2024-12-31, 2024-12-31T06:00) or have their format declared, got {text!r} in {place}: "
            "set data.source.ds_format, as %d/%m/%Y"
        )


def _parsed(ds_format: str) -> pl.Expr:
    """`ds` as Datetime where the format has hours, else as Date."""
    kind = pl.Datetime("us") if any(code in ds_format for code in _HOURS) else pl.Date()
    return pl.col(DS).cast(pl.String).str.strptime(kind, ds_format)
