"""The regular grid: comes in a clean series table, goes out the same with a row for every period.

It leaves values alone: an inserted row is null in every column but the key. Rows before a series' first observed y are
cut, rows after its last one stay (they hold known-future covariates). Stamps must lie on one grid, as `quality` checks.
"""

import polars as pl

from forecasting.errors import InputError
from forecasting.freq import Frequency
from forecasting.schema import DS, UNIQUE_ID, Y

_ORDINAL = "__ordinal"
_ROOM = (1_000_000, 100)  # a grid may have this many rows, or this many times those of its input


def to_grid(frame: pl.DataFrame, freq: Frequency, phase: int | None = None) -> pl.DataFrame:
    """Every period from a series' first observed y to its last row, sorted by (unique_id, ds); columns and types
    unchanged.

    `phase` is that of all series where `frame` holds some of them. Series without any observed y give no rows. Raises
    InputError where two rows of a series lie in one period, and where single far-off stamps would make the grid explode.
    """
    freq = freq.of_type(frame.schema[DS])
    phase = freq.phase(frame[DS]) if phase is None else phase
    rows = frame.with_columns(freq.ordinal(pl.col(DS)).alias(_ORDINAL))
    spans = rows.group_by(UNIQUE_ID).agg(
        pl.col(_ORDINAL).filter(pl.col(Y).is_not_null()).min().alias("first"), pl.col(_ORDINAL).max().alias("last")
    )
    spans = spans.drop_nulls("first").sort(UNIQUE_ID)
    require_room(spans.with_columns(n_rows=pl.col("last") - pl.col("first") + 1), frame.height, freq)
    periods = pl.int_ranges(pl.col("first"), pl.col("last") + 1).alias(_ORDINAL)
    grid = spans.select(UNIQUE_ID, periods).explode(_ORDINAL)
    joined = grid.join(rows.drop(DS), on=[UNIQUE_ID, _ORDINAL], how="left", maintain_order="left")
    if joined.height != grid.height:
        raise _two_rows(joined, freq)
    return joined.with_columns(freq.at(pl.col(_ORDINAL), phase, frame.schema[DS]).alias(DS)).select(frame.columns)


def require_room(spans: pl.DataFrame, n_input: int, freq: Frequency) -> None:
    """Refuse a grid (columns unique_id, n_rows) that is out of all proportion to its input; raises InputError."""
    total, limit = int(spans["n_rows"].sum()), max(_ROOM[0], _ROOM[1] * n_input)
    if total > limit:
        widest = spans.sort("n_rows", UNIQUE_ID).row(-1, named=True)
        raise InputError(
            f"the grid of {n_input} rows may have at most {limit} rows, got {total} periods of {freq.text} (series "
            f"{widest[UNIQUE_ID]!r} alone spans {widest['n_rows']}): set data.freq or remove stray values of ds"
        )


def _two_rows(joined: pl.DataFrame, freq: Frequency) -> InputError:
    names = joined.filter(joined.select(UNIQUE_ID, _ORDINAL).is_duplicated())[UNIQUE_ID].unique().sort()
    return InputError(
        f"a series must have one row per period of {freq.text}, got several in {names.len()} series such as "
        f"{names[0]!r}: set data.freq to the step of ds"
    )
