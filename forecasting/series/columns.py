"""The columns of the series table and their types: comes in a source's long frame, goes out the same values as String,
Int64 / Date / Datetime("us", "UTC") and Float64, or an InputError. No cast ever turns a value into a null. Ids may stay an Enum
in the order of their text, whose numbers sort and group faster.
"""

from dataclasses import dataclass

import polars as pl

from forecasting.errors import InputError
from forecasting.freq import Frequency
from forecasting.schema import DS, UNIQUE_ID, Y


@dataclass(frozen=True)
class Roles:
    """Names of covariate columns by what is known of them when."""

    static: tuple[str, ...] = ()
    past: tuple[str, ...] = ()
    known_future: tuple[str, ...] = ()

    @property
    def covariates(self) -> tuple[str, ...]:
        return self.static + self.past + self.known_future


def typed(frame: pl.DataFrame, freq: Frequency, roles: Roles) -> pl.DataFrame:
    """unique_id, ds, y and the covariates of `frame` (other columns dropped) in the types of the series table.

    NaN becomes null (unobserved). Raises InputError for an empty frame, a missing column, a covariate named twice or
    named like a key, and a wrong type.
    """
    names = [UNIQUE_ID, DS, Y, *roles.covariates]
    if len(set(names)) < len(names):
        raise InputError(f"covariates must be named once and not like a key, got {names[3:]}: set data.covariates")
    missing = [name for name in names if name not in frame.columns]
    if missing:
        where = "data.source.columns" if set(missing) & {UNIQUE_ID, DS, Y} else "data.covariates"
        raise InputError(
            f"the input must have the columns {', '.join(missing)}, it has {', '.join(map(repr, frame.columns))}: "
            f"set {where}"
        )
    if frame.is_empty():
        raise InputError("the input must have rows, got none: check data.source")
    columns = [_text(frame[UNIQUE_ID]), _stamps(frame[DS], freq), _numbers(frame[Y])]
    columns += [_static(frame[name]) for name in roles.static]
    columns += [_numbers(frame[name]) for name in roles.past + roles.known_future]
    return pl.DataFrame(columns)


def _text(ids: pl.Series) -> pl.Series:
    if not (ids.dtype.is_integer() or ids.dtype in (pl.String, pl.Categorical, pl.Enum)):
        raise _wrong(ids, "text or integers", "data.source.columns")
    in_order = isinstance(ids.dtype, pl.Enum) and ids.dtype.categories.is_sorted()
    return ids if in_order else ids.cast(pl.String)


def _stamps(ds: pl.Series, freq: Frequency) -> pl.Series:
    if not (ds.dtype.is_integer() or ds.dtype in (pl.Date, pl.Datetime)):
        raise _wrong(ds, "integers, dates or times", "data.source (ds_format of a csv) or data.source.columns")
    if ds.dtype.is_integer() != bool(freq.step):
        rule = (
            "an integer step for integer ds" if ds.dtype.is_integer() else "a duration such as 1d for dates and times"
        )
        raise InputError(f"freq must be {rule}, got {freq.text!r} with ds of type {ds.dtype}: set data.freq")
    if ds.dtype.is_integer():
        return ds.cast(pl.Int64)
    if ds.dtype == pl.Date:
        if freq.us % (86400 * 10**6):
            raise InputError(f"freq must be whole days where ds is a Date, got {freq.text!r}: set data.freq")
        return ds
    zone = ds.dtype.time_zone if isinstance(ds.dtype, pl.Datetime) else None
    ds = ds.cast(pl.Datetime("us", zone))
    return ds.dt.replace_time_zone("UTC") if zone is None else ds.dt.convert_time_zone("UTC")


def _numbers(values: pl.Series) -> pl.Series:
    """Float64; a column without any value has no type yet and passes."""
    if not (values.dtype.is_numeric() or values.dtype == pl.Boolean or values.null_count() == len(values)):
        raise _wrong(values, "numbers", "data.source (null_values or decimal_comma of a csv) or data.source.columns")
    return values.cast(pl.Float64).fill_nan(None)


def _static(values: pl.Series) -> pl.Series:
    if values.dtype.is_numeric() or values.dtype == pl.Boolean:
        return _numbers(values)
    if values.dtype not in (pl.String, pl.Categorical, pl.Enum, pl.Null):
        raise _wrong(values, "numbers or text", "data.covariates.static")
    return values.cast(pl.String)


def _wrong(values: pl.Series, rule: str, where: str) -> InputError:
    sample = values.drop_nulls().unique(maintain_order=True).head(3).to_list()
    return InputError(
        f"column {values.name} must hold {rule}, got {values.dtype} such as {', '.join(map(repr, sample))}: set {where}"
    )
