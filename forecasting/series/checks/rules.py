"""The rules that a series must keep to be used, one entry each; the key is the reason code of the quarantine table.

A row rule is true where a row breaks it. A series rule gives the broken series as (unique_id, detail). Both read the
typed rows in UTC, sorted by (unique_id, ds), without null keys and exact duplicates. Rules of values look at the rows as
they came, rules of the grid at one row per period (after aggregation, where there is one).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import polars as pl

from forecasting.schema import DS, UNIQUE_ID, Y
from forecasting.series.checks.account import shown
from forecasting.series.checks.columns import Roles
from forecasting.series.checks.snapping import Grid

_FLOAT32_MAX = float(np.finfo(np.float32).max)
_FUTURE_DAYS = 3660  # known-future rows may lie this far ahead of now
_ROOM = (10_000, 100)  # a series may span this many periods, or this many times its rows


@dataclass(frozen=True)
class Context:
    """What rules know beside the rows."""

    grid: Grid
    roles: Roles
    numeric: list[str]  # y and the numeric covariates
    dated: bool  # ds is a Date or Datetime
    now: datetime  # UTC
    non_negative: bool
    max_gap: int | None


RowRule = Callable[[Context], pl.Expr]
SeriesRule = Callable[[pl.DataFrame, Context], pl.DataFrame]


def _non_finite(context: Context) -> pl.Expr:
    return pl.any_horizontal(pl.col(context.numeric).is_infinite())


def _out_of_float32(context: Context) -> pl.Expr:
    return pl.any_horizontal(pl.col(context.numeric).is_finite() & (pl.col(context.numeric).abs() > _FLOAT32_MAX))


def _negative(context: Context) -> pl.Expr:
    return pl.col(Y) < 0 if context.non_negative else pl.lit(value=False)


def _off_grid(context: Context) -> pl.Expr:
    return ~context.grid.freq.on_phase(pl.col(DS), context.grid.phase)


def _before_1900(context: Context) -> pl.Expr:
    return pl.col(DS).dt.year() < 1900 if context.dated else pl.lit(value=False)


def _future(context: Context) -> pl.Expr:
    """Observed after now (a day of grace for time zones), or a row that no forecast could need."""
    if not context.dated:
        return pl.lit(value=False)
    ds = pl.col(DS).cast(pl.Datetime("us", "UTC"))
    observed_later = pl.col(Y).is_not_null() & (ds > context.now + timedelta(days=1))
    return observed_later | (ds > context.now + timedelta(days=_FUTURE_DAYS))


def _stray_stamp(rows: pl.DataFrame, context: Context) -> pl.DataFrame:
    """Periods from the first observed y to the last row, out of all proportion to the rows: bounded before any grid is made."""
    freq = context.grid.freq
    seen = pl.when(pl.col(Y).is_not_null()).then(pl.col(DS)).alias("seen")
    spans = (
        rows.select(UNIQUE_ID, DS, seen)
        .group_by(UNIQUE_ID)
        .agg(n=pl.len(), first=pl.col("seen").min(), last=pl.col(DS).max())
    )
    spans = spans.with_columns(periods=freq.ordinal(pl.col("last")) - freq.ordinal(pl.col("first")) + 1)
    wide = spans.filter(pl.col("periods") > pl.max_horizontal(pl.lit(_ROOM[0]), _ROOM[1] * pl.col("n")))
    text = pl.format(
        "{} rows span {} periods, from {} to {}", "n", "periods", shown(pl.col("first")), shown(pl.col("last"))
    )
    return wide.select(UNIQUE_ID, detail=text)


def _too_many_missing(rows: pl.DataFrame, context: Context) -> pl.DataFrame:
    """The longest run of periods without y between two observed ones; rows that are not there count as missing."""
    if context.max_gap is None:
        return _nothing()
    seen = rows.filter(pl.col(Y).is_not_null()).select(UNIQUE_ID, DS, o=context.grid.freq.ordinal(pl.col(DS)))
    gaps = seen.with_columns(gap=pl.col("o") - pl.col("o").shift(1) - 1, since=pl.col(DS).shift(1))
    gaps = gaps.filter((pl.col(UNIQUE_ID) == pl.col(UNIQUE_ID).shift(1)) & (pl.col("gap") > context.max_gap))
    longest = gaps.group_by(UNIQUE_ID).agg(pl.all().sort_by("gap", descending=True, maintain_order=True).first())
    text = pl.format(
        "{} periods in a row after {} have no y, max_gap is {}", "gap", shown(pl.col("since")), pl.lit(context.max_gap)
    )
    return longest.select(UNIQUE_ID, detail=text)


def _conflicting_duplicates(rows: pl.DataFrame, context: Context) -> pl.DataFrame:  # noqa: ARG001 - one signature
    again = rows.filter((pl.col(UNIQUE_ID) == pl.col(UNIQUE_ID).shift(1)) & (pl.col(DS) == pl.col(DS).shift(1)))
    text = pl.format(
        "{} stamps have several rows that differ, the first {}", pl.col(DS).n_unique(), shown(pl.col(DS).min())
    )
    return again.group_by(UNIQUE_ID).agg(detail=text)


def _static_changes(rows: pl.DataFrame, context: Context) -> pl.DataFrame:
    changed = [_nothing()]
    for name in context.roles.static:
        known = rows.filter(pl.col(name).is_not_null()).select(UNIQUE_ID, DS, value=name)
        same = pl.col(UNIQUE_ID) == pl.col(UNIQUE_ID).shift(1)
        moved = known.filter(same & (pl.col("value") != pl.col("value").shift(1)))
        text = pl.format("{} must be one value per series, changes at {}", pl.lit(name), shown(pl.col(DS).min()))
        changed.append(moved.group_by(pl.col(UNIQUE_ID).cast(pl.String)).agg(detail=text))
    return pl.concat(changed).group_by(UNIQUE_ID).agg(pl.col("detail").sort().str.join("; "))


def _nothing() -> pl.DataFrame:
    return pl.DataFrame(schema={UNIQUE_ID: pl.String, "detail": pl.String})


VALUE_RULES: dict[str, RowRule] = {
    "non_finite": _non_finite,
    "out_of_float32": _out_of_float32,
    "negative": _negative,
    "before_1900": _before_1900,
    "future": _future,
}
KEY_RULES: dict[str, SeriesRule] = {
    "conflicting_duplicates": _conflicting_duplicates,
    "static_changes": _static_changes,
}
STAMP_RULES: dict[str, RowRule] = {"off_grid": _off_grid}
GRID_RULES: dict[str, SeriesRule] = {"too_many_missing": _too_many_missing, "stray_stamp": _stray_stamp}


def broken(
    rows: pl.DataFrame, context: Context, row_rules: Mapping[str, RowRule], series_rules: Mapping[str, SeriesRule]
) -> list[pl.DataFrame]:
    """Every broken rule of every series: (unique_id, reason, detail); a series may break several."""
    parts = []
    masks = {reason: rule(context) for reason, rule in row_rules.items()}
    hits = rows.select(mask.any().alias(reason) for reason, mask in masks.items()).to_dicts() if masks else []
    for reason in (reason for hit in hits for reason, any_row in hit.items() if any_row):
        text = pl.format("{} rows, the first at {}", pl.len(), shown(pl.col(DS).min()))
        wrong = rows.filter(masks[reason]).group_by(UNIQUE_ID).agg(detail=text)
        parts.append(wrong.with_columns(reason=pl.lit(reason)))
    for reason, series_rule in series_rules.items():
        parts.append(series_rule(rows, context).with_columns(reason=pl.lit(reason)))
    columns = [pl.col(UNIQUE_ID).cast(pl.String), "reason", "detail"]
    return [part.select(columns) for part in parts if part.height]
