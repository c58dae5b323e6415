"""The account of an ingest: which reasons there are, and the table that says which series and rows each one met.

A reason is `refused` (the whole input), `set aside` (the series), `dropped` or `moved` (rows), or `flagged` (the series is
kept; later stages forecast it by the fallback). All but the refused ones have rows in the quarantine table.
"""

from dataclasses import dataclass
from typing import Any, Literal

import polars as pl

from forecasting.schema import DS, UNIQUE_ID

Effect = Literal["refused", "set aside", "dropped", "moved", "flagged"]
EFFECTS: tuple[Effect, ...] = ("refused", "set aside", "dropped", "moved", "flagged")


@dataclass(frozen=True)
class Reason:
    """What becomes of what it meets, what it means, and the config keys that decide it."""

    effect: Effect
    meaning: str
    key: str = ""


REASONS: dict[str, Reason] = {
    "empty_input": Reason("refused", "the source has no rows", "data.source"),
    "missing_column": Reason("refused", "a key, y or a covariate is not in the source", "data.source.columns"),
    "wrong_column": Reason("refused", "no value of a column can be what it should be", "data.source.columns"),
    "wrong_type": Reason("set aside", "a value that is no number or no time", "data.source"),
    "no_values": Reason("set aside", "y has no value at all"),
    "too_many_missing": Reason("set aside", "a longer run of periods without y than allowed", "data.quality.max_gap"),
    "conflicting_duplicates": Reason("set aside", "several rows of one stamp that differ", "data.quality.duplicates"),
    "non_finite": Reason("set aside", "an infinite value"),
    "out_of_float32": Reason("set aside", "a value beyond the range of float32"),
    "negative": Reason("set aside", "a negative y", "data.quality.non_negative"),
    "before_1900": Reason("set aside", "a stamp before 1900"),
    "future": Reason("set aside", "y observed after now, or a stamp over ten years ahead"),
    "off_grid": Reason("set aside", "stamps that are not one period apart", "data.freq, data.quality.snap"),
    "stray_stamp": Reason("set aside", "single stamps so far off that the grid would explode", "data.freq"),
    "static_changes": Reason("set aside", "a static covariate with several values", "data.covariates.static"),
    "missing_local_hour": Reason("set aside", "a local time that the clock skips", "data.timezone"),
    "ambiguous_local_hour": Reason("set aside", "more rows in a repeated hour than the clock shows", "data.timezone"),
    "local_without_zone": Reason("set aside", "hours that repeat or skip as local clocks do", "data.timezone"),
    "null_id": Reason("dropped", "rows without unique_id"),
    "null_ds": Reason("dropped", "rows without a time stamp"),
    "exact_duplicates": Reason("dropped", "rows that are there twice"),
    "conflicts_dropped": Reason(
        "dropped", "rows of one stamp that differ, all but the last", "data.quality.duplicates"
    ),
    "unknown_future": Reason("dropped", "future rows of a series that has no history", "data.future"),
    "stamped_at_end": Reason("moved", "stamps at the end of their period, moved to its start", "data.quality.stamped"),
    "snapped": Reason("moved", "stamps close to the grid, moved onto it", "data.quality.snap"),
    "incomplete_period": Reason("dropped", "steps of periods that are not complete", "data.aggregate"),
    "short": Reason("flagged", "fewer than 10 observed values"),
    "constant": Reason("flagged", "all values of y are equal"),
    "stale": Reason(
        "flagged", "no y in more periods before the newest one of any series than allowed", "data.quality.max_gap"
    ),
}

FINDINGS = pl.Schema(
    {
        UNIQUE_ID: pl.String(),
        "reason": pl.String(),
        "detail": pl.String(),
        "first_ds": pl.String(),
        "last_ds": pl.String(),
        "n_rows": pl.Int64(),
    }
)


def findings(parts: list[pl.DataFrame]) -> pl.DataFrame:
    """All parts in one table, one row per series and reason, sorted; the rows of a reason that came in parts are added."""
    rows = pl.concat([pl.DataFrame(schema=FINDINGS), *(part.select(FINDINGS.names()) for part in parts)])
    if rows.select(UNIQUE_ID, "reason").is_duplicated().any():
        rows = rows.group_by(UNIQUE_ID, "reason", maintain_order=True).agg(
            pl.col("detail").first(), pl.col("first_ds").min(), pl.col("last_ds").max(), pl.col("n_rows").sum()
        )
    return rows.sort(UNIQUE_ID, "reason")


def found(rows: pl.DataFrame, reason: str, detail: pl.Expr) -> pl.DataFrame:
    """One finding per series of `rows` (unique_id, ds, ...): `detail` aggregates them."""
    by_series = rows.group_by(pl.col(UNIQUE_ID).cast(pl.String)).agg(
        detail.alias("detail"),
        shown(pl.col(DS).min()).alias("first_ds"),
        shown(pl.col(DS).max()).alias("last_ds"),
        pl.len().cast(pl.Int64).alias("n_rows"),
    )
    return by_series.with_columns(reason=pl.lit(reason)).select(FINDINGS.names())


def shown(ds: pl.Expr) -> pl.Expr:
    """A time stamp as people write it, without the seconds' fraction that it does not have."""
    return ds.cast(pl.String).str.replace(".000000", "", literal=True).str.replace("+00:00", " UTC", literal=True)


def reasons_with(effect: Effect) -> list[str]:
    """The codes of all reasons with this effect."""
    return [code for code, reason in REASONS.items() if reason.effect == effect]


def account(rows: pl.DataFrame) -> list[dict[str, Any]]:
    """What a person reads: per reason its effect and meaning, how many series and rows it met, and one example."""
    order = list(REASONS)
    by_reason = rows.group_by("reason").agg(
        pl.col(UNIQUE_ID).n_unique().alias("series"),
        pl.col("n_rows").sum().alias("rows"),
        pl.col(UNIQUE_ID).sort().first().alias("example"),
        pl.col("detail").sort_by(UNIQUE_ID).first().alias("detail"),
    )
    lines = []
    for row in sorted(by_reason.to_dicts(), key=lambda row: order.index(row["reason"])):
        reason = REASONS[row["reason"]]
        lines.append(row | {"effect": reason.effect, "meaning": reason.meaning, "key": reason.key})
    return lines
