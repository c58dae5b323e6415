"""A version of the series table in parts: comes in a dataset, go out parts of whole series, in the order of their ids.

Arrays of a part are those of the whole table, cut: what decides about all series together, the phase of the grid and the
newest observed period, is found first, in one pass that keeps a line per series. So memory is bounded by a part.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl

from forecasting.errors import InputError
from forecasting.freq import Frequency
from forecasting.schema import DS, UNIQUE_ID, Y
from forecasting.series.arrays.dataset import Dataset
from forecasting.series.arrays.layout import Span, grid_lengths
from forecasting.series.arrays.series_arrays import IntArray, SeriesArrays, default_align, to_arrays
from forecasting.series.checks.grid import require_room

BLOCK = 256  # series: a part holds a multiple, so that batches of as many are those of the whole table
ROWS = 1 << 19  # of the arrays of a part, unless a block has more
_MOST_SERIES = 1 << 13
_BATCH_ROWS = 1 << 18  # read at a time in the first pass
_FAR = np.iinfo(np.int64).max


@dataclass(frozen=True)
class Part:
    """The series with an id from `first` to `last`; cheap to pass to another process, which calls `arrays()`."""

    dataset: Dataset
    first: str
    last: str
    n_series: int
    span: Span

    def arrays(self) -> SeriesArrays:
        """The part as flat arrays."""
        rows = self.dataset.scan().filter(pl.col(UNIQUE_ID).is_between(pl.lit(self.first), pl.lit(self.last)))
        return to_arrays(rows.collect(), self.dataset.reading, self.span)


@dataclass(frozen=True)
class Parts:
    """All parts, and the first and the newest observed `ds` of any series."""

    parts: list[Part]
    oldest: object
    newest: object

    @property
    def n_series(self) -> int:
        return sum(part.n_series for part in self.parts)


def parts_of(dataset: Dataset, rows: int = ROWS) -> Parts:
    """Parts of up to `rows` rows and 8,192 series. Series without an observed y are in none.

    Raises InputError where nothing is observed, or the periods are out of all proportion to the rows.
    """
    scans, reading = dataset.scans(), dataset.reading
    dtype = scans[0].collect_schema()[DS]
    freq = reading.frequency().of_type(dtype)
    align = reading.align or default_align(dtype)
    series, stamps = _first_pass(scans, freq)
    n_rows = int(series["n"].sum())
    series = series.filter(pl.col("last") > -_FAR)
    if series.is_empty():
        raise InputError("at least one series must have an observed y, got none: check data.source")
    newest = int(series["last"].max())  # type: ignore[arg-type]
    lengths = grid_lengths(series["first"].to_numpy(), series["last"].to_numpy(), reading.horizon, align, newest)
    spans = pl.DataFrame({UNIQUE_ID: series[UNIQUE_ID], "n_rows": lengths})
    require_room(spans, n_rows * (1 + reading.horizon), freq)
    span = Span(freq.phase(stamps[DS], stamps["n"]), newest)
    ids = series[UNIQUE_ID]
    parts = [Part(dataset, ids[begin], ids[end - 1], end - begin, span) for begin, end in _cut(lengths, rows)]
    ends = pl.DataFrame({"o": [int(series["first"].min()), newest]})  # type: ignore[arg-type]
    oldest_ds, newest_ds = ends.select(freq.at(pl.col("o"), span.phase, dtype)).to_series()
    return Parts(parts, oldest_ds, newest_ds)


def _first_pass(scans: list[pl.LazyFrame], freq: Frequency) -> tuple[pl.DataFrame, pl.DataFrame]:
    """A line per series, by id: rows n, first and last observed period (first > last where there is none); and how often
    each stamp stands.
    """
    series, stamps = [], []
    for batch in _batches(scans, freq):
        runs = batch[UNIQUE_ID].rle().struct.unnest()
        starts = np.concatenate([[0], np.cumsum(runs["len"].to_numpy())[:-1]]).astype(np.int64)
        seen = (batch[Y].is_not_null() & batch[Y].is_not_nan()).fill_null(value=False).to_numpy()
        ordinal = batch["ordinal"].to_numpy()
        series.append(
            pl.DataFrame(
                {
                    UNIQUE_ID: pl.Series(
                        runs["value"].to_list(), dtype=pl.String
                    ),  # else all text of the batch is held
                    "n": runs["len"].cast(pl.Int64),
                    "first": np.minimum.reduceat(np.where(seen, ordinal, _FAR), starts),
                    "last": np.maximum.reduceat(np.where(seen, ordinal, -_FAR), starts),
                }
            )
        )
        stamps.append(batch[DS].value_counts(name="n"))
    if not series:
        raise InputError("at least one series must have an observed y, got none: check data.source")
    return _one_line_each(series), pl.concat(stamps).group_by(DS).agg(pl.col("n").sum())


def _batches(scans: list[pl.LazyFrame], freq: Frequency) -> Iterator[pl.DataFrame]:
    """Key, period and y of all rows, in order."""
    for scan in scans:
        rows = scan.select(UNIQUE_ID, DS, freq.ordinal(pl.col(DS)).alias("ordinal"), Y)
        for batch in rows.collect_batches(chunk_size=_BATCH_ROWS, maintain_order=True):
            if batch.height:
                yield batch


def _one_line_each(batches: list[pl.DataFrame]) -> pl.DataFrame:
    """The lines by id; only the series that a batch ends in goes on in the next one, unless somebody has moved rows."""
    for number in range(1, len(batches)):
        before, batch = batches[number - 1], batches[number]
        if before.height and before[UNIQUE_ID][-1] == batch[UNIQUE_ID][0]:
            batches[number] = pl.concat([_merged(pl.concat([before[-1:], batch[:1]])), batch[1:]])
            batches[number - 1] = before[:-1]
    lines = pl.concat(batches)
    ids = lines[UNIQUE_ID]
    return lines if (ids > ids.shift(1))[1:].all(ignore_nulls=False) else _merged(lines)


def _merged(lines: pl.DataFrame) -> pl.DataFrame:
    whole = lines.group_by(UNIQUE_ID).agg(pl.col("n").sum(), pl.col("first").min(), pl.col("last").max())
    return whole.sort(UNIQUE_ID)


def _cut(lengths: IntArray, rows: int) -> Iterator[tuple[int, int]]:
    """Begin and end of parts of whole blocks."""
    begin, held = 0, 0
    blocks = np.arange(0, len(lengths), BLOCK)
    for block, size in zip(blocks.tolist(), np.add.reduceat(lengths, blocks).tolist(), strict=True):
        if block > begin and (held + size > rows or block - begin >= _MOST_SERIES):
            yield begin, block
            begin, held = block, 0
        held += size
    yield begin, len(lengths)
