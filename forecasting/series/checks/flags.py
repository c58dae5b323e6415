"""Series that are kept but remarkable: comes in clean rows, goes out one line of facts per series, and those to flag.

Facts are per series, so those of several parts of a table may be put below each other; that a series is stale shows only
beside all others.
"""

import polars as pl

from forecasting.freq import Frequency
from forecasting.schema import DS, UNIQUE_ID, Y
from forecasting.series.checks.account import shown

SHORT_BELOW = 10  # observed values


def facts_of(rows: pl.DataFrame, freq: Frequency) -> pl.DataFrame:
    """unique_id, n_rows, n_observed, constant, first and last ds, end (period of the last observed y), a line per series."""
    with_y = pl.when(pl.col(Y).is_not_null()).then(pl.col(DS)).alias("__seen")
    facts = (
        rows.select(UNIQUE_ID, DS, Y, with_y)
        .group_by(UNIQUE_ID)
        .agg(
            pl.len().cast(pl.Int64).alias("n_rows"),
            pl.col(Y).count().cast(pl.Int64).alias("n_observed"),
            (pl.col(Y).min() == pl.col(Y).max()).alias("constant"),
            pl.col(DS).min().alias("first"),
            pl.col(DS).max().alias("last"),
            pl.col("__seen").max().alias("end"),
        )
    )
    return facts.with_columns(pl.col(UNIQUE_ID).cast(pl.String), freq.ordinal(pl.col("end")).alias("end"))


def flagged(facts: pl.DataFrame, max_gap: int | None) -> pl.DataFrame:
    """Findings of the series that are short, constant (two or more equal values) or stale: without y in more than `max_gap`
    periods (null: any number is allowed) before the newest y of any series.
    """
    late = pl.col("end").max() - pl.col("end")
    rules = {
        "short": (pl.col("n_observed") < SHORT_BELOW, pl.format("{} observed values", "n_observed")),
        "constant": (
            (pl.col("n_observed") > 1) & pl.col("constant"),
            pl.format("all {} observed values are equal", "n_observed"),
        ),
        "stale": (
            late > (pl.lit(None, pl.Int64) if max_gap is None else max_gap),
            pl.format("no y in the last {} periods", late),
        ),
    }
    parts = [
        facts.with_columns(reason=pl.lit(reason), detail=detail).filter(rule)
        for reason, (rule, detail) in rules.items()
    ]
    return pl.concat(parts).select(
        UNIQUE_ID,
        "reason",
        "detail",
        shown(pl.col("first")).alias("first_ds"),
        shown(pl.col("last")).alias("last_ds"),
        "n_rows",
    )
