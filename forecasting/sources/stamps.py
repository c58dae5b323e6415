"""Time stamps that come as text: goes in a format, goes out the expression that parses `ds`, strictly."""

import polars as pl

from forecasting.schema import DS

_HOURS = ("%H", "%I", "%T", "%R", "%s")


def parsed_stamps(ds_format: str) -> pl.Expr:
    """`ds` as Datetime where the format has hours, else as Date; a text that does not follow it fails the read."""
    kind = pl.Datetime("us") if any(code in ds_format for code in _HOURS) else pl.Date()
    return pl.col(DS).cast(pl.String).str.strptime(kind, ds_format)
