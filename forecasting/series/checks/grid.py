"""The regular grid: comes in a clean series table, goes out the same with a row for every period.

It leaves values alone: an inserted row is null in every column but the key. Rows before a series' first observed y are
cut, rows after its last one stay (they hold known-future covariates). Stamps must lie on one grid, as `quality` checks.
"""

import numpy as np
import numpy.typing as npt
import polars as pl

from forecasting.errors import InputError
from forecasting.freq import Frequency
from forecasting.schema import DS, UNIQUE_ID, Y

_ROOM = (1_000_000, 100)  # a grid may have this many rows, or this many times those of its input


def to_grid(frame: pl.DataFrame, freq: Frequency, phase: int | None = None) -> pl.DataFrame:
    """Every period from a series' first observed y to its last row, sorted by (unique_id, ds); columns and types
    unchanged.

    `phase` is that of all series where `frame` holds some of them. Series without any observed y give no rows. Raises
    InputError where two rows of a series lie in one period, and where single far-off stamps would make the grid explode.
    """
    freq = freq.of_type(frame.schema[DS])
    phase = freq.phase(frame[DS]) if phase is None else phase
    rows = frame.sort(UNIQUE_ID, DS)
    if rows[Y].null_count() == rows.height:
        return rows.clear()
    code = rows[UNIQUE_ID].rle_id().cast(pl.Int64).to_numpy()
    ordinal = rows.select(freq.ordinal(pl.col(DS))).to_series().to_numpy()
    seen = np.flatnonzero(rows[Y].is_not_null().to_numpy())
    starts = seen[np.flatnonzero(np.diff(code[seen], prepend=-1))]  # the first observed row of each series that has one
    ends = np.flatnonzero(np.diff(code, append=-1))[code[starts]]
    lengths = ordinal[ends] - ordinal[starts] + 1
    require_room(pl.DataFrame({UNIQUE_ID: rows[UNIQUE_ID].gather(starts), "n_rows": lengths}), frame.height, freq)
    begin, shift = np.full(code[-1] + 1, rows.height), np.zeros(code[-1] + 1, np.int64)
    begin[code[starts]] = starts
    shift[code[starts]] = np.cumsum(lengths) - lengths - ordinal[starts]  # from a period to its row of the grid
    kept = np.flatnonzero(np.arange(rows.height) >= begin[code])
    target = ordinal[kept] + shift[code[kept]]
    _require_one_row_per_period(rows[UNIQUE_ID], kept[1:][np.diff(target) == 0], freq)
    n_rows = int(lengths.sum())
    if len(kept) == n_rows == rows.height:
        return rows
    source = np.full(n_rows, -1)
    source[target] = kept
    place = pl.Series(source).to_frame("row").select(pl.when(pl.col("row") >= 0).then("row")).to_series()
    period = np.arange(n_rows) - np.repeat(shift[code[starts]], lengths)
    ds = pl.DataFrame({"o": period}).select(freq.at(pl.col("o"), phase, frame.schema[DS]).alias(DS)).to_series()
    ids = rows[UNIQUE_ID].gather(np.repeat(starts, lengths))
    return rows.select(pl.all().gather(place)).with_columns(ids, ds)


def require_room(spans: pl.DataFrame, n_input: int, freq: Frequency) -> None:
    """Refuse a grid (columns unique_id, n_rows) that is out of all proportion to its input; raises InputError."""
    total, limit = int(spans["n_rows"].sum()), max(_ROOM[0], _ROOM[1] * n_input)
    if total > limit:
        widest = spans.sort("n_rows", UNIQUE_ID).row(-1, named=True)
        raise InputError(
            f"the grid of {n_input} rows may have at most {limit} rows, got {total} periods of {freq.text} (series "
            f"{widest[UNIQUE_ID]!r} alone spans {widest['n_rows']}): set data.freq or remove stray values of ds"
        )


def _require_one_row_per_period(ids: pl.Series, twice: npt.NDArray[np.intp], freq: Frequency) -> None:
    """Raises InputError where there are rows `twice` that lie in the period of another."""
    if len(twice):
        names = ids.gather(twice).cast(pl.String).unique().sort()
        raise InputError(
            f"a series must have one row per period of {freq.text}, got several in {len(names)} series such as "
            f"{names[0]!r}: set data.freq to the step of ds"
        )
