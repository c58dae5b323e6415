"""The columns of the series table and their types: comes in a source's long frame, goes out the same values as String,
Int64 / Date / Datetime("us") and Float64, with an account of what could not become that.

No cast turns a value into a null unnoticed: a text that is no number is named with its value and row, and its series is
set aside. Ids may stay an Enum in the order of their text, whose numbers sort and group faster. Time stamps with a zone become UTC; those without one stay naive, `local_time` knows what they mean.
"""

from dataclasses import dataclass

import polars as pl

from forecasting.errors import InputError
from forecasting.freq import Frequency
from forecasting.schema import DS, UNIQUE_ID, Y
from forecasting.series.checks.account import findings, found, shown

_ZONED = r":.*(Z|[+-]\d\d:?\d\d)$"
_MIDNIGHT = r"[ T]00:00(:00(\.0+)?)?$"


@dataclass(frozen=True)
class Roles:
    """Names of covariate columns by what is known of them when."""

    static: tuple[str, ...] = ()
    past: tuple[str, ...] = ()
    known_future: tuple[str, ...] = ()

    @property
    def covariates(self) -> tuple[str, ...]:
        return self.static + self.past + self.known_future


@dataclass(frozen=True)
class Typed:
    """`rows`: unique_id, ds, y, covariates of all rows with a key, in the order of the input; `held`: unique_id and ds of
    all rows with an id; `account`: what the others were.
    """

    rows: pl.DataFrame
    held: pl.DataFrame
    account: pl.DataFrame


def typed(frame: pl.DataFrame, freq: Frequency, roles: Roles) -> Typed:
    """unique_id, ds, y and the covariates of `frame` (other columns dropped) in the types of the series table.

    NaN becomes null (unobserved). Raises InputError for an empty frame, a missing column, a covariate named twice or named
    like a key, and a column whose type can hold nothing of the kind.
    """
    names = [UNIQUE_ID, DS, Y, *roles.covariates]
    _require_columns(frame, names)
    columns = [text_ids(frame[UNIQUE_ID]), stamps(frame[DS], freq), _numbers(frame[Y])]
    columns += [_static(frame[name]) for name in roles.static]
    columns += [_numbers(frame[name]) for name in roles.past + roles.known_future]
    rows = pl.DataFrame(columns)
    parts = _wrong_values(frame, rows)
    named, dated = rows[UNIQUE_ID].is_not_null(), rows[DS].is_not_null()
    if not named.all():
        parts.append(_without_id(rows.filter(~named)))
    undated = named & frame[DS].is_null()
    if undated.any():
        parts.append(found(rows.filter(undated), "null_ds", pl.format("{} rows have no ds", pl.len())))
    kept = rows if named.all() and dated.all() else rows.filter(named & dated)
    return Typed(kept, rows.select(UNIQUE_ID, DS).filter(named), findings(parts))


def text_ids(ids: pl.Series) -> pl.Series:
    """Ids as text, or as an Enum in the order of text; raises InputError for anything but text and whole numbers."""
    if not (ids.dtype.is_integer() or ids.dtype in (pl.String, pl.Categorical, pl.Enum, pl.Null)):
        raise _wrong(ids, "text or integers", "data.source.columns")
    in_order = isinstance(ids.dtype, pl.Enum) and ids.dtype.categories.is_sorted()
    return ids if in_order else ids.cast(pl.String)


def stamps(ds: pl.Series, freq: Frequency) -> pl.Series:
    """Stamps as Int64, Date, Datetime("us", "UTC") where they have a zone and Datetime("us") where not; null where a text is
    none. Raises InputError for a type that does not fit `freq`.
    """
    if ds.dtype == pl.String:
        ds = _parsed(ds, freq)
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
    return ds if zone is None else ds.dt.convert_time_zone("UTC")


def _require_columns(frame: pl.DataFrame, names: list[str]) -> None:
    if len(set(names)) < len(names):
        raise InputError(f"covariates must be named once and not like a key, got {names[3:]}: set data.covariates")
    missing = [name for name in names if name not in frame.columns]
    if missing:
        where = "data.source.columns" if set(missing) & {UNIQUE_ID, DS, Y} else "data.covariates"
        raise InputError(
            f"the input must have the columns {', '.join(missing)}, it has {', '.join(map(repr, frame.columns))} "
            f"(missing_column): set {where}"
        )
    if frame.is_empty():
        raise InputError("the input must have rows, got none (empty_input): check data.source")


def _parsed(ds: pl.Series, freq: Frequency) -> pl.Series:
    """ISO texts as integers for an integer step, times where they have a zone or the period is hours or less, else dates;
    null where a text is none.
    """
    texts = ds.str.strip_chars()
    if freq.step:
        return texts.str.to_integer(strict=False)
    if texts.str.contains(_ZONED).any():
        return texts.str.to_datetime("%+", time_unit="us", time_zone="UTC", strict=False)
    if freq.by_calendar:
        return texts.str.replace(_MIDNIGHT, "").str.to_date("%Y-%m-%d", strict=False)
    return texts.str.replace("T", " ").str.to_datetime("%Y-%m-%d %H:%M:%S%.f", time_unit="us", strict=False)


def _numbers(values: pl.Series) -> pl.Series:
    """Float64, null where a text is no number; a column without any value has no type yet and passes."""
    if values.dtype == pl.String:
        values = values.str.strip_chars()
    elif not (values.dtype.is_numeric() or values.dtype == pl.Boolean or values.null_count() == len(values)):
        raise _wrong(values, "numbers", "data.source (null_values or decimal_comma of a csv) or data.source.columns")
    return values.cast(pl.Float64, strict=False).fill_nan(None)


def _static(values: pl.Series) -> pl.Series:
    if values.dtype.is_numeric() or values.dtype == pl.Boolean:
        return _numbers(values)
    if values.dtype not in (pl.String, pl.Categorical, pl.Enum, pl.Null):
        raise _wrong(values, "numbers or text", "data.covariates.static")
    return values.cast(pl.String)


def _wrong_values(frame: pl.DataFrame, rows: pl.DataFrame) -> list[pl.DataFrame]:
    """Findings of texts that became null without meaning NaN."""
    parts = []
    for name in rows.columns:
        given = frame[name]
        if given.dtype != pl.String or rows.schema[name] == pl.String:
            continue
        nan = given.str.strip_chars().str.to_lowercase().str.contains(r"^[+-]?nan$")
        lost = (rows[UNIQUE_ID].is_not_null() & given.is_not_null() & rows[name].is_null() & ~nan).fill_null(
            value=False
        )
        if lost.any():
            cells = pl.DataFrame([rows[UNIQUE_ID], rows[DS], given.alias("value")]).filter(lost)
            parts.append(_wrong_type(cells, name))
    return parts


def _wrong_type(cells: pl.DataFrame, name: str) -> pl.DataFrame:
    """The first text of each series that is neither number nor time, as it stands in the input."""
    value = pl.col("value").first().str.slice(0, 60).map_elements(repr, return_dtype=pl.String)
    where = pl.lit("") if name == DS else pl.format(" at {}", shown(pl.col(DS).first()))
    what = "no time stamp" if name == DS else "no number"
    more = pl.when(pl.len() > 1).then(pl.format(", and {} more", pl.len() - 1)).otherwise(pl.lit(""))
    return found(cells, "wrong_type", pl.format("{} {}{} is {}{}", pl.lit(name), value, where, pl.lit(what), more))


def _without_id(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows that belong to no series stand under the empty id."""
    lost = rows.with_columns(pl.lit("").alias(UNIQUE_ID))
    return found(lost, "null_id", pl.format("{} rows have no unique_id", pl.len()))


def _wrong(values: pl.Series, rule: str, where: str) -> InputError:
    sample = values.drop_nulls().unique(maintain_order=True).head(3).to_list()
    return InputError(
        f"column {values.name} must hold {rule}, got {values.dtype} such as {', '.join(map(repr, sample))} "
        f"(wrong_column): set {where}"
    )
