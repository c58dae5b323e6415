"""Time stamps that come as text: goes in rows, goes out the same rows with `ds` parsed, strictly."""

import re

import polars as pl

from forecasting.errors import InputError
from forecasting.schema import DS

_HOURS = ("%H", "%I", "%T", "%R", "%s")
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?")


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
