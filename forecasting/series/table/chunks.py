"""Rows in any order, cut into chunks of whole series: come in batches of a long frame, go out frames that hold some series
each, in the order of their ids. Memory is bounded by a chunk and by the number of series, not by the number of rows.

The rows are read once. What does not fit into one chunk goes to files: first as it comes, with ids as numbers; when all
ids are known, again by chunk. Rows of one series keep the order they came in.
"""

from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from forecasting.errors import InputError
from forecasting.schema import DS, UNIQUE_ID

_CODE = "__code"
_MERGE_AFTER = 64  # counts of batches that wait to be added up

Codes = npt.NDArray[np.uint32]


class SeriesChunks:
    """`stamps` counts the rows of every `ds`; `chunk(k)` of `n_chunks` may be called from several threads."""

    def __init__(self, batches: Iterable[pl.DataFrame], folder: Path, chunk_bytes: int) -> None:
        """Take all batches (unique_id, ds and further columns), files below `folder`, which the caller removes. A chunk has
        up to about `chunk_bytes` of them, ids counted as numbers; a series is never cut.

        Raises InputError for no rows at all, OSError or polars' errors where the files cannot be written.
        """
        self._folder = folder
        self._ids = pl.Categorical(pl.Categories.random())
        self._numbering = pl.Series([], dtype=self._ids)  # polars forgets the codes with the last series that has them
        self._counts = np.zeros(0, np.int64)  # rows per id, in the order of their first appearance
        self._stamps: list[pl.DataFrame] = []
        self._held: list[pl.DataFrame] = []
        self._n_files = self._n_bytes = self.n_rows = 0
        self._collect(batches, chunk_bytes)
        if not self.n_rows:
            raise InputError("a source must have rows, got none: check data.source")
        self.stamps = _summed(self._stamps)
        codes = pl.DataFrame({_CODE: np.arange(len(self._counts), dtype=np.uint32)})
        names = codes.select(pl.col(_CODE).cat.to(self._ids).cast(pl.String)).to_series()
        order = names.arg_sort()
        self._sorted = names.gather(order)
        self._rank = np.empty(len(names), np.uint32)
        self._rank[order.to_numpy()] = np.arange(len(names), dtype=np.uint32)
        self._bounds = self._cut(self._counts[order.to_numpy()], chunk_bytes)
        self._ends: list[list[int]] = [[] for _ in range(self.n_chunks)]  # of the streams in each chunk's file
        if self._n_files:
            self._distribute()

    @property
    def n_chunks(self) -> int:
        """How many there are; the first one also holds the rows without an id."""
        return len(self._bounds) - 1

    def chunk(self, number: int) -> pl.DataFrame:
        """The rows of some series, ids as an Enum in the order of their text; the rows of a series lie together."""
        first, last = self._bounds[number], self._bounds[number + 1]
        rows = self._read(number) if self._n_files else _ranked(pl.concat(self._held), self._rank)
        rows = _gathered(rows, rows[_CODE].fill_null(first).to_numpy() - np.uint32(first))[0]
        ids = (pl.col(_CODE) - first).cat.to(pl.Enum(self._sorted[first:last])).alias(UNIQUE_ID)
        return rows.select(ids, pl.exclude(_CODE))

    def share(self, table: pl.DataFrame, number: int) -> pl.DataFrame:
        """The rows of another table that belong to the series of a chunk; those of unknown series come with the next one."""
        first, last = self._bounds[number], self._bounds[number + 1]
        ids = table[UNIQUE_ID].cast(pl.String)
        inside = pl.repeat(value=True, n=len(ids), eager=True)
        if number > 0:
            inside &= ids.is_not_null() & (ids > self._sorted[first - 1]).fill_null(value=False)
        if number < self.n_chunks - 1:
            inside &= (ids <= self._sorted[last - 1]).fill_null(value=number == 0)
        return table.filter(inside)

    def _collect(self, batches: Iterable[pl.DataFrame], chunk_bytes: int) -> None:
        """Number the ids, count, and hold the rows: in memory up to one chunk, in files beyond."""
        held_bytes = 0
        for batch in batches:
            ids = batch[UNIQUE_ID].cast(pl.String).cast(self._ids)
            rows = batch.drop(UNIQUE_ID).insert_column(0, ids.to_physical().alias(_CODE))
            self._count(rows)
            self._held.append(rows)
            held_bytes += int(rows.estimated_size())
            self._n_bytes += int(rows.estimated_size())
            if held_bytes > chunk_bytes:
                self._spill()
                held_bytes = 0
        if self._n_files and self._held:
            self._spill()

    def _count(self, rows: pl.DataFrame) -> None:
        self.n_rows += rows.height
        self._stamps.append(rows.group_by(DS).agg(pl.len().cast(pl.Int64).alias("n")))
        if len(self._stamps) > _MERGE_AFTER:
            self._stamps = [_summed(self._stamps)]
        counts = np.bincount(rows[_CODE].drop_nulls().to_numpy(), minlength=len(self._counts))
        counts[: len(self._counts)] += self._counts
        self._counts = counts

    def _spill(self) -> None:
        pl.concat(self._held, rechunk=True).write_ipc(self._folder / f"{self._n_files}.arrow")
        self._n_files, self._held = self._n_files + 1, []

    def _cut(self, counts: npt.NDArray[np.int64], chunk_bytes: int) -> list[int]:
        """Bounds of the chunks as ranks of ids, from the rows per id in the order of their text."""
        chunk_rows = max(1, chunk_bytes * self.n_rows // max(1, self._n_bytes))
        number = (np.cumsum(counts) - 1) // chunk_rows
        return [0, *(np.flatnonzero(np.diff(number)) + 1).tolist(), len(counts)]

    def _distribute(self) -> None:
        """Every row into the file of its chunk."""
        number_of = np.repeat(np.arange(self.n_chunks, dtype=np.uint32), np.diff(self._bounds))
        for k in range(self._n_files):
            file = self._folder / f"{k}.arrow"
            rows = _ranked(pl.read_ipc(file), self._rank)
            number = rows[_CODE].fill_null(0).to_numpy()
            number = number_of[number] if len(number_of) else number
            rows, number = _gathered(rows, number)
            ends = np.searchsorted(number, np.arange(self.n_chunks), side="right").tolist()
            for chunk, (begin, end) in enumerate(pairwise([0, *ends])):
                if end > begin:
                    with self._file(chunk).open("ab") as target:
                        rows[begin:end].write_ipc_stream(target)
                        self._ends[chunk].append(target.tell())
            file.unlink()

    def _read(self, number: int) -> pl.DataFrame:
        """The Arrow streams that follow each other in the file of a chunk."""
        with self._file(number).open("rb") as source:
            streams = [source.read(end - begin) for begin, end in pairwise([0, *self._ends[number]])]
        return pl.concat([pl.read_ipc_stream(stream) for stream in streams], rechunk=True)

    def _file(self, number: int) -> Path:
        return self._folder / f"chunk-{number}.arrows"


def _ranked(rows: pl.DataFrame, rank: Codes) -> pl.DataFrame:
    """Codes by first appearance become the ranks of their ids."""
    codes = rows[_CODE]
    if not len(rank):
        return rows
    ranks = pl.Series(_CODE, rank[codes.fill_null(0).to_numpy()])
    return rows.with_columns(ranks if not codes.null_count() else ranks.set(codes.is_null(), None))


def _gathered(rows: pl.DataFrame, codes: Codes) -> tuple[pl.DataFrame, Codes]:
    """Rows of equal codes together, in the order of the codes and otherwise as they come."""
    if bool(np.all(codes[1:] >= codes[:-1])):
        return rows, codes
    order = _stable_order(codes)
    return rows[order], codes[order]


def _stable_order(codes: Codes) -> npt.NDArray[np.int64]:
    """The order that sorts and keeps equal codes as they come: numpy sorts 16 bits at a time by radix."""
    order = np.argsort(codes.astype(np.uint16), kind="stable")
    if len(codes) and codes.max() >= 1 << 16:
        order = order[np.argsort((codes >> 16).astype(np.uint16)[order], kind="stable")]
    return order


def _summed(stamps: list[pl.DataFrame]) -> pl.DataFrame:
    return pl.concat(stamps).group_by(DS).agg(pl.col("n").sum())
