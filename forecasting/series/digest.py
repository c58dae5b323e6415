"""Content digests: comes in a table, goes out one sha256 that depends on its keys and values alone.

What is hashed are the columns' canonical Arrow buffers: validity, then values with null slots zeroed (for text the byte
lengths and the bytes). Row order, column order and chunking change nothing; a changed cell, name or type changes it.
"""

import hashlib
from collections.abc import Sequence

import polars as pl

_KEYS = ("unique_id", "cutoff", "ds", "model", "step", "metric")  # compared first, which makes sorting cheap


def digest_of(frame: pl.DataFrame, exclude: Sequence[str] = ()) -> str:
    """Hex sha256 of `frame` without the columns `exclude`; raises TypeError for nested columns."""
    names = sorted(set(frame.columns) - set(exclude))
    order = [name for name in _KEYS if name in names] + [name for name in names if name not in _KEYS]
    plain = frame.select(_plain(name, frame.schema[name]) for name in order).sort(order)
    total = hashlib.sha256(str(plain.height).encode())
    for name in names:
        total.update(f"|{name}:{frame.schema[name]}|".encode())
        _add(total, plain[name])
    return total.hexdigest()


def _plain(name: str, dtype: pl.DataType) -> pl.Expr:
    """Numbers and times as such (one NaN, one zero), text as String."""
    if dtype.is_nested() or dtype in (pl.Object, pl.Unknown):
        raise TypeError(f"a digest needs plain columns, got {name} of type {dtype}")
    if dtype in (pl.Categorical, pl.Enum, pl.Null, pl.Decimal):
        return pl.col(name).cast(pl.String)
    return pl.col(name) + 0.0 if dtype.is_float() else pl.col(name)


def _add(total: "hashlib._Hash", column: pl.Series) -> None:
    """Feed the buffers of one column."""
    total.update(column.is_not_null().cast(pl.UInt8).to_numpy().tobytes())
    if column.dtype in (pl.String, pl.Binary):
        data = column.cast(pl.Binary).fill_null(b"")
        total.update(data.bin.size().cast(pl.UInt64).to_numpy().tobytes())
        for start in range(0, len(data), 1 << 16):
            total.update(b"".join(data.slice(start, 1 << 16).to_list()))
        return
    physical = column.cast(pl.UInt8) if column.dtype == pl.Boolean else column.to_physical()
    if physical.dtype.is_float():
        physical = physical.fill_nan(float("nan"))
    total.update(physical.fill_null(0).to_numpy().tobytes())
