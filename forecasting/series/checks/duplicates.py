"""Rows of one series and stamp: comes in sorted rows, goes out one of those that are alike, and an account of the others."""

from typing import Literal

import polars as pl

from forecasting.errors import InputError
from forecasting.schema import DS, UNIQUE_ID
from forecasting.series.checks.account import found, shown

Duplicates = Literal["quarantine", "last", "error"]


def without_duplicates(rows: pl.DataFrame, duplicates: Duplicates) -> tuple[pl.DataFrame, list[pl.DataFrame]]:
    """Sorted rows without exact duplicates, and of those that differ only the last of the input where `duplicates` says so.

    Rows that differ stay otherwise: the rule `conflicting_duplicates` finds them, or InputError where they are an error.
    """
    again = (pl.col(UNIQUE_ID) == pl.col(UNIQUE_ID).shift(1)) & (pl.col(DS) == pl.col(DS).shift(1))
    second = rows.select(again.fill_null(value=False)).to_series()
    if not second.any():
        return rows, []
    doubled = second | second.shift(-1, fill_value=False)
    both = rows.filter(doubled).with_row_index("__row")
    differing = both.unique(rows.columns, keep="last", maintain_order=True)
    parts = []
    if differing.height < both.height:
        dropped = both.join(differing, on="__row", how="anti")
        parts.append(found(dropped, "exact_duplicates", pl.format("{} rows that are there twice", pl.len())))
    conflict = differing.select(UNIQUE_ID, DS).is_duplicated()
    if duplicates == "error" and conflict.any():
        first = differing.filter(conflict).row(0, named=True)
        raise InputError(
            f"a series must have one row per ds, got {int(conflict.sum())} rows that differ, the first of "
            f"{first[UNIQUE_ID]!r} at {first[DS]}: mend the data, or set data.quality.duplicates to last or quarantine"
        )
    if duplicates == "last" and conflict.any():
        last = differing.unique([UNIQUE_ID, DS], keep="last", maintain_order=True)
        text = pl.format("{} rows of stamps that have a later row, the first {}", pl.len(), shown(pl.col(DS).min()))
        parts.append(found(differing.join(last, on="__row", how="anti"), "conflicts_dropped", text))
        differing = last
    kept = pl.concat([rows.filter(~doubled), differing.drop("__row")])
    return kept.sort(UNIQUE_ID, DS, maintain_order=True), parts
