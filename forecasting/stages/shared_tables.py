"""Rows of one run into a table that many runs share: the run's rows are replaced in one Delta commit."""

from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path

import polars as pl
import pyarrow as pa
from deltalake import DeltaTable, write_deltalake
from deltalake.exceptions import CommitFailedError

from forecasting.errors import LockedError


def replace_run(table: Path, parts: Iterable[pl.DataFrame], run_id: str) -> int:
    """Put the rows of `run_id` in place of what it had there; returns the table's version. Other runs' rows stay.

    The rows come in parts of which one at a time is held in memory; there must be at least one.
    """
    frames = iter(parts)
    first = next(frames).to_arrow()
    batches: Iterator[pa.RecordBatch] = chain.from_iterable(
        whole.to_batches() for whole in chain([first], (frame.to_arrow() for frame in frames))
    )
    arrow = pa.RecordBatchReader.from_batches(first.schema, batches)
    try:
        if not DeltaTable.is_deltatable(str(table)):
            table.mkdir(parents=True, exist_ok=True)
            write_deltalake(str(table), arrow, mode="error")
        else:
            write_deltalake(str(table), arrow, mode="overwrite", predicate=f"run_id = '{run_id}'", schema_mode="merge")
    except (CommitFailedError, FileExistsError) as error:
        raise LockedError(
            f"one run at a time may write {table.name}, another one committed first: run it again"
        ) from error
    return int(DeltaTable(str(table)).version())
