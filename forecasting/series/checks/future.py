"""A second source of known-future covariates: comes in the history and what is known ahead, goes out both as one table."""

import polars as pl

from forecasting.errors import InputError
from forecasting.freq import Frequency
from forecasting.schema import DS, UNIQUE_ID, Y
from forecasting.series.checks.account import found
from forecasting.series.checks.columns import Roles, typed
from forecasting.series.checks.local_time import in_utc


def with_future(
    rows: pl.DataFrame, future: pl.DataFrame, freq: Frequency, roles: Roles
) -> tuple[pl.DataFrame, list[pl.DataFrame]]:
    """`rows` (typed, UTC, sorted) with the known-future covariates of `future` (unique_id, ds, covariates) below them.

    A value of the history stands where both have one. Rows of series without history are dropped. Raises InputError for
    a covariate that `future` lacks, and for another kind of ds.
    """
    names = [*roles.known_future]
    ahead = typed(future.with_columns(pl.lit(None, dtype=pl.Float64).alias(Y)), freq, Roles(known_future=tuple(names)))
    there, parts = in_utc(ahead.rows.sort(UNIQUE_ID, DS, maintain_order=True), freq.of_type(ahead.rows.schema[DS]))
    parts = [ahead.account, *parts]
    if there.schema[DS] != rows.schema[DS]:
        raise InputError(
            f"ds must be of one type in both sources, got {rows.schema[DS]} and {there.schema[DS]}: mend data.future"
        )
    strange = there.join(rows, on=UNIQUE_ID, how="anti")
    if strange.height:
        parts.append(found(strange, "unknown_future", pl.format("{} rows of a series without history", pl.len())))
        there = there.join(rows, on=UNIQUE_ID, how="semi")
    new = there.join(rows, on=[UNIQUE_ID, DS], how="anti")
    known = there.unique([UNIQUE_ID, DS], keep="last", maintain_order=True).select(UNIQUE_ID, DS, *names)
    filled = rows.join(known, on=[UNIQUE_ID, DS], how="left", suffix="__ahead", maintain_order="left")
    filled = filled.with_columns(pl.coalesce(name, f"{name}__ahead").alias(name) for name in names)
    whole = pl.concat([filled.select(rows.columns), new], how="diagonal")
    return whole.sort(UNIQUE_ID, DS, maintain_order=True), parts
