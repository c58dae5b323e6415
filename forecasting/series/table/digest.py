"""Content digests: comes in a table, at once or in parts, goes out one sha256 that depends on its keys and values alone.

What is hashed, column by column, are canonical Arrow buffers: validity, then values with null slots zeroed; text as runs
of equal values, each with its length and its bytes. Row order, column order and chunking change nothing; a changed cell,
name or type changes it.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import numpy.typing as npt
import polars as pl

Counts = npt.NDArray[np.uint64]

_KEYS = ("unique_id", "cutoff", "ds", "model", "step", "metric")  # compared first, which makes sorting cheap
_CODED = (pl.Categorical, pl.Enum)  # text that is stored as numbers


def digest_of(frame: pl.DataFrame, exclude: Sequence[str] = ()) -> str:
    """Hex sha256 of `frame` without the columns `exclude`; raises TypeError for nested columns."""
    names = sorted(set(frame.columns) - set(exclude))
    order = [name for name in _KEYS if name in names] + [name for name in names if name not in _KEYS]
    total = TableDigest({name: frame.schema[name] for name in names})
    total.add(frame.select(_plain(name, frame.schema[name]) for name in order).sort(order))
    return total.hexdigest()


def digest_of_parts(parts: Iterable[pl.DataFrame], exclude: Sequence[str] = ()) -> str:
    """The same of a table that comes in parts, sorted as `digest_of` sorts the whole; ValueError without any part."""
    total = None
    for part in parts:
        schema = {name: dtype for name, dtype in part.schema.items() if name not in exclude}
        total = total or TableDigest(schema)
        total.add(part.select(_plain(name, dtype) for name, dtype in schema.items()))
    if total is None:
        raise ValueError("a digest needs at least one part")
    return total.hexdigest()


class TableDigest:
    """The digest of a table that comes in parts, each sorted as the whole table is: `digest_of` without the sort.

    `schema` names the columns and types that count; raises TypeError for nested ones.
    """

    def __init__(self, schema: Mapping[str, pl.DataType]) -> None:
        self._height = 0
        self._columns = {name: _hasher_of(name, schema[name]) for name in sorted(schema)}

    def add(self, part: pl.DataFrame) -> None:
        """Feed the next rows; text may come as Categorical or Enum, which is cheaper."""
        self._height += part.height
        for name, hasher in self._columns.items():
            hasher.add(part[name])

    def hexdigest(self) -> str:
        """The digest of the rows so far."""
        total = hashlib.sha256(str(self._height).encode())
        for name, hasher in self._columns.items():
            total.update(f"|{name}:{hasher.kind}|".encode() + hasher.digest())
        return total.hexdigest()


class _Values:
    """Numbers, times and booleans of one column."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._valid, self._values = hashlib.sha256(), hashlib.sha256()

    def add(self, column: pl.Series) -> None:
        self._valid.update(column.is_not_null().cast(pl.UInt8).to_numpy().data)
        physical = column.cast(pl.UInt8) if column.dtype == pl.Boolean else column.to_physical()
        if physical.dtype.is_float():
            physical = physical.fill_nan(float("nan"))  # one NaN
        values = np.ascontiguousarray(physical.fill_null(0).to_numpy())
        # One zero: numpy makes 0.0 of -0.0 + 0.0, polars leaves it as it is in all but single values.
        self._values.update((values + 0.0 if physical.dtype.is_float() else values).data)

    def digest(self) -> bytes:
        return self._valid.digest() + self._values.digest()


class _Text:
    """Text of one column as runs: how often a value (or null) stands in a row, its length in bytes, its bytes.

    The last run of a part may go on in the next one, so it waits.
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._runs, self._bytes = hashlib.sha256(), hashlib.sha256()
        self._open = pl.Series([], dtype=pl.Binary)  # the last run's value
        self._count = np.zeros(0, np.uint64)

    def add(self, column: pl.Series) -> None:
        if column.is_empty():
            return
        values, counts = _runs_of(column)
        if len(self._open) and self._open[0] == values[0]:
            counts[0] += self._count[0]
        else:
            values, counts = pl.concat([self._open, values]), np.concatenate([self._count, counts])
        _feed(self._runs, self._bytes, values[:-1], counts[:-1])
        self._open, self._count = values[-1:], counts[-1:]

    def digest(self) -> bytes:
        runs, data = self._runs.copy(), self._bytes.copy()
        _feed(runs, data, self._open, self._count)
        return runs.digest() + data.digest()


def _runs_of(column: pl.Series) -> tuple[pl.Series, Counts]:
    """Values of a column's runs as Binary, and how long each is."""
    coded = column.to_physical() if column.dtype in _CODED else column
    starts = np.flatnonzero(coded.ne_missing(coded.shift(1)).to_numpy())
    starts = np.union1d([0], starts).astype(np.int64)  # shift puts a null before the first value, which may be null
    counts = np.diff(starts, append=len(column)).astype(np.uint64)
    values = column.gather(starts)
    return values if values.dtype == pl.Binary else values.cast(pl.String).cast(pl.Binary), counts


def _feed(runs: "hashlib._Hash", data: "hashlib._Hash", values: pl.Series, counts: Counts) -> None:
    table = np.empty((len(values), 3), np.uint64)
    table[:, 0] = counts
    table[:, 1] = values.is_not_null().to_numpy()
    table[:, 2] = values.bin.size().fill_null(0).to_numpy()
    runs.update(table.data)
    for start in range(0, len(values), 1 << 16):
        data.update(b"".join(values[start : start + (1 << 16)].drop_nulls().to_list()))


def _hasher_of(name: str, dtype: pl.DataType) -> _Values | _Text:
    if dtype.is_nested() or dtype in (pl.Object, pl.Unknown):
        raise TypeError(f"a digest needs plain columns, got {name} of type {dtype}")
    if dtype in (*_CODED, pl.String):
        return _Text("String")
    return _Text(str(dtype)) if dtype in (pl.Binary, pl.Null, pl.Decimal) else _Values(str(dtype))


def _plain(name: str, dtype: pl.DataType) -> pl.Expr:
    """Columns in types that sort by their content."""
    if dtype in (*_CODED, pl.Null, pl.Decimal):
        return pl.col(name).cast(pl.String)
    return pl.col(name)
