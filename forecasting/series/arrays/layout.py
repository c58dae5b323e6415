"""Where the rows of a series table land in flat arrays: comes in a sorted table, goes out a `Layout` and columns in it.

N flat rows hold S series end to end, each from its first observed y to `horizon` periods beyond its end.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from forecasting.errors import InputError
from forecasting.freq import Frequency
from forecasting.schema import DS, UNIQUE_ID, Y
from forecasting.series.checks.filling import Floats, Ints
from forecasting.series.checks.grid import require_room


class Span(NamedTuple):
    """What the rows of a table have in common with those of other tables that are read apart: `phase` of the grid (see
    `Frequency.phase`), and the period of the newest observed y.
    """

    phase: int
    newest: int


class Layout(NamedTuple):
    """Where the rows of a table land in the flat arrays, and the period of every flat row."""

    ids: list[str]
    offsets: Ints  # (S+1,)
    ordinal: Ints  # (N,)
    source: npt.NDArray[np.intp]  # rows of the table that are used
    target: npt.NDArray[np.intp]  # the flat row of each


def place(frame: pl.DataFrame, freq: Frequency, horizon: int, align: str, newest: int | None = None) -> Layout:
    """Lay out the periods of all series that have an observed y; `frame` is sorted by (unique_id, ds).

    `newest`: the newest observed period, where others than these series count too; whoever knows it has checked that there
    is room. Raises InputError as `to_arrays` says.
    """
    seen = frame.select(
        pl.col(UNIQUE_ID).rle_id().cast(pl.Int64).alias("code"), freq.ordinal(pl.col(DS)).alias("ordinal"), Y
    )
    code, ordinal = seen["code"].to_numpy(), seen["ordinal"].to_numpy()
    rows = np.flatnonzero((seen[Y].is_not_null() & seen[Y].is_not_nan()).fill_null(value=False).to_numpy())
    if not len(rows):
        raise InputError("at least one series must have an observed y, got none: check data.source")
    begin = np.flatnonzero(np.diff(code[rows], prepend=-1))
    codes = code[rows[begin]]
    first, last = ordinal[rows[begin]], ordinal[rows[np.append(begin[1:], len(rows)) - 1]]
    lengths = grid_lengths(first, last, horizon, align, newest)
    ids = frame[UNIQUE_ID].gather(np.searchsorted(code, codes)).to_list()
    if newest is None:
        require_room(pl.DataFrame({UNIQUE_ID: ids, "n_rows": lengths}), frame.height * (1 + horizon), freq)
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    n_codes = int(code[-1]) + 1
    n_rows = np.diff(np.searchsorted(code, np.arange(n_codes + 1)))
    opens, closes, shift = (
        np.zeros(n_codes, dtype=np.int64) for _ in range(3)
    )  # nothing lies in 0:0, where no y is observed
    opens[codes], closes[codes], shift[codes] = first, first + lengths, offsets[:-1] - first
    inside = (ordinal >= np.repeat(opens, n_rows)) & (ordinal < np.repeat(closes, n_rows))
    source = np.flatnonzero(inside)
    target = (ordinal + np.repeat(shift, n_rows))[inside]
    twice = np.flatnonzero(np.diff(target) == 0)
    if len(twice):
        name = ids[np.searchsorted(codes, code[source[twice[0]]])]
        raise InputError(
            f"a series must have one row per period of {freq.text}, got several in {name!r}: set data.freq"
        )
    return Layout(ids, offsets, np.arange(offsets[-1]) + np.repeat(first - offsets[:-1], lengths), source, target)


def grid_lengths(first: Ints, last: Ints, horizon: int, align: str, newest: int | None = None) -> Ints:
    """Flat rows of each series, from its first to its last observed period, or the newest of all (calendar), and beyond."""
    end = last if align == "series_end" else last.max() if newest is None else newest
    lengths: Ints = end - first + 1 + horizon
    return lengths


def scatter(frame: pl.DataFrame, columns: Sequence[str], rows: Layout, n_rows: int) -> Floats:
    """Columns of the table at their flat rows, NaN elsewhere; (N, len(columns))."""
    values = np.full((n_rows, len(columns)), np.nan)
    for k, name in enumerate(columns):
        values[rows.target, k] = frame[name].cast(pl.Float64).to_numpy()[rows.source]
    return values


def static_values(frame: pl.DataFrame, columns: Sequence[str], ids: list[str]) -> pl.DataFrame:
    """The first known value of each static covariate, one row per series of `ids`."""
    keys = pl.DataFrame({UNIQUE_ID: ids})
    if not columns:
        return keys
    first = frame.group_by(UNIQUE_ID).agg(pl.col([*columns]).drop_nulls().first())
    return keys.join(first, on=UNIQUE_ID, how="left", maintain_order="left")


def floats(frame: pl.DataFrame, columns: list[str]) -> Floats:
    """Columns side by side, NaN where null; (rows, columns)."""
    values = np.empty((frame.height, len(columns)))
    for k, name in enumerate(columns):
        values[:, k] = frame[name].cast(pl.Float64).to_numpy()
    return values


def texts(frame: pl.DataFrame, columns: list[str]) -> npt.NDArray[np.object_]:
    """Columns side by side as strings, empty where null; (rows, columns)."""
    values = np.empty((frame.height, len(columns)), dtype=object)
    for k, name in enumerate(columns):
        values[:, k] = frame[name].cast(pl.String).fill_null("").to_list()
    return values
