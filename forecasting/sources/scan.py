"""What a source gives when it is opened: rows that are still to be read, a cheap identity of the input, and where it is.

A source is a frozen dataclass, one file per kind, with `scan(needs)` and `read(needs)`. Opening reads headers, footers and
versions, never all rows; `Scan.rows` may be collected as a whole, in batches or into a file.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from json import dumps
from typing import Any

import polars as pl
from polars.io.plugins import register_io_source

from forecasting.errors import InputError
from forecasting.schema import DS, UNIQUE_ID, Y

KEYS = (UNIQUE_ID, DS, Y)
HEAD_ROWS = 1000  # of an input that its columns are recognised by


@dataclass(frozen=True)
class Recognised:
    """A place of data as one kind of source reads it: settings of `data.source` without `kind`, and the first rows.

    `head` has the input's own column names; it is empty where the kind knows which column is which.
    """

    settings: dict[str, Any]
    head: pl.DataFrame = field(default_factory=pl.DataFrame)


def _no_fault() -> InputError | None:
    return None


@dataclass(frozen=True)
class Scan:
    """`rows`: unique_id, ds, y (as far as `needs` named them), then the input's further columns, types as they come.

    `fingerprint` was taken before any row is read: while it stays the same, so do the rows; None where nobody can tell
    without reading (a database). `provenance` is JSON-ready and holds no secret. `fault` looks for what in the input
    made a read fail.
    """

    rows: pl.LazyFrame
    fingerprint: str | None
    provenance: dict[str, Any]
    fault: Callable[[], InputError | None] = _no_fault

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Around whatever collects `rows`: a failure that the input is to blame for is raised as InputError that names it."""
        try:
            yield
        except (pl.exceptions.PolarsError, OSError, UnicodeError):
            fault = self.fault()
            if fault is None:
                raise
            raise fault from None

    def collect(self) -> pl.DataFrame:
        """All rows at once; raises InputError where they cannot be read or there are none."""
        with self.reading():
            frame = self.rows.collect()
        if frame.is_empty():
            raise InputError("a source must have rows, got none: check data.source")
        return frame


def streamed(
    frames: Callable[[], Iterator[pl.DataFrame]], schema: Mapping[str, pl.DataType]
) -> tuple[pl.LazyFrame, Callable[[], InputError | None]]:
    """Rows that Python code makes piece by piece whenever they are collected, and the last InputError that it raised then.

    Every piece has the columns of `schema`. polars wraps what Python code raises, so the error is kept.
    """
    faults: list[InputError] = []

    def watched() -> Iterator[pl.DataFrame]:
        try:
            yield from frames()
        except InputError as error:
            faults.append(error)
            raise

    def pieces(
        columns: list[str] | None, predicate: pl.Expr | None, n_rows: int | None, _size: int | None
    ) -> Iterator[pl.DataFrame]:
        left = n_rows
        for frame in watched():
            piece = frame if left is None else frame.head(left)
            left = None if left is None else left - piece.height
            piece = piece if predicate is None else piece.filter(predicate)
            yield piece if columns is None else piece.select(columns)
            if left == 0:
                return

    rows = register_io_source(pieces, schema=dict(schema), validate_schema=True)
    return rows, lambda: faults[-1] if faults else None


def fingerprint_of(*parts: Any) -> str:
    """sha256 over JSON-ready values."""
    return sha256(dumps(parts, sort_keys=True, default=str).encode()).hexdigest()


def require_columns(names: Sequence[str], needs: Sequence[str]) -> None:
    """Raises InputError for a needed column that is not there, listing those that are."""
    for name in needs:
        if name not in names:
            raise InputError(
                f"column {name!r} must be in the source, it has {', '.join(map(repr, names))}: set data.source.columns.{name}"
            )
