"""The forecasts table: come in files of its rows, goes out a Delta commit that replaces exactly their series and cutoffs.

Nothing is read whole: a file is compared, hashed and moved by itself, so memory does not grow with the number of series.
Files of the table that hold replaced rows beside others are written anew without them, in the same commit.
"""

import json
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import polars as pl
from deltalake import CommitProperties, DeltaTable
from deltalake.exceptions import CommitFailedError, DeltaError
from deltalake.schema import Schema
from deltalake.transaction import AddAction, RemoveAction, create_table_with_add_actions

from forecasting.errors import InputError, LockedError
from forecasting.schema import CUTOFF, DS, UNIQUE_ID
from forecasting.series.table.digest import digest_of_parts

GENERATED_AT = "generated_at"  # the one column that says nothing of the forecast
_KEY = [UNIQUE_ID, CUTOFF, DS]
_PAIR = [UNIQUE_ID, CUTOFF]
_LOG_STEP = timedelta(milliseconds=1)  # to which the log rounds the bounds of time stamps


@dataclass(frozen=True)
class ForecastFile:
    """Parquet rows of the forecasts table, sorted by (unique_id, cutoff, ds), of the series from `first` to `last`."""

    path: Path
    n_rows: int
    n_series: int
    first: str
    last: str
    cutoffs: tuple[Any, Any]  # oldest and newest
    n_fallback: int  # series that the fallback served
    fallbacks: list[tuple[str, str]]  # the first of these, and why

    @property
    def frame(self) -> pl.DataFrame:
        """Its rows."""
        return pl.read_parquet(self.path)


@dataclass(frozen=True)
class Published:
    """What a publish did: `changed` is false where the table held the same rows already."""

    version: int
    digest: str
    changed: bool


def read_published(table: Path, cutoffs: pl.Series | None = None) -> pl.DataFrame | None:
    """Published rows, of the given cutoffs or all; None before the first publish."""
    rows = scan_published(table)
    if rows is None:
        return None
    return (rows if cutoffs is None else rows.filter(pl.col(CUTOFF).is_in(cutoffs.unique().implode()))).collect()


def scan_published(table: Path) -> pl.LazyFrame | None:
    """All published rows, still to be read; None before the first publish."""
    return pl.scan_delta(str(table)) if DeltaTable.is_deltatable(str(table)) else None


def publish(table: Path, files: Sequence[ForecastFile]) -> Published:
    """Put files into the table, in the order of their series; each (series, cutoff) in them is replaced, in one commit.

    They are moved where they are used. The same rows again (the time of making aside) make no new version. Of two writers
    one wins; the other finds the same rows and is done, or raises LockedError. Raises InputError where a column has another
    type than in the table.
    """
    digest = digest_of_parts((file.frame for file in files), exclude=[GENERATED_AT])
    schema = pl.Schema(pl.read_parquet_schema(files[0].path))
    if not DeltaTable.is_deltatable(str(table)):
        table.mkdir(parents=True, exist_ok=True)
        _create(table, files, _delta_schema(schema))
        return Published(0, digest, changed=True)
    present = DeltaTable(str(table))
    if all(_stands(present, file) for file in files):
        return Published(present.version(), digest, changed=False)
    present = _with_columns(table, present, schema)
    _replace(table, present, files)
    return Published(DeltaTable(str(table)).version(), digest, changed=True)


def _stands(present: DeltaTable, file: ForecastFile) -> bool:
    """Whether the table holds exactly these rows for their series and cutoffs."""
    rows = file.frame.drop(GENERATED_AT)
    scan = pl.scan_delta(present)
    if not set(rows.columns) <= set(scan.collect_schema()):
        return False
    mine = pl.col(UNIQUE_ID).is_between(pl.lit(file.first), pl.lit(file.last)) & pl.col(CUTOFF).is_in(
        rows[CUTOFF].unique().implode()
    )
    pairs = rows.select(_PAIR).unique()
    there = scan.filter(mine).collect().join(pairs, on=_PAIR, how="semi")
    return there.select(rows.columns).sort(_KEY).equals(rows)


def _replace(table: Path, present: DeltaTable, files: Sequence[ForecastFile]) -> None:
    """One commit: the files, less what they replace."""
    added, removed = [], []
    now = time.time_ns() // 10**6
    for old in _touched(present, files):
        place = table / old
        kept, all_of_it = _without(place, files)
        if all_of_it:
            continue
        removed.append(RemoveAction(old, True, now, place.stat().st_size))
        if kept is not None:
            added.append(_action(kept, _statistics(pl.scan_parquet(kept))))
    added += _moved(table, files)
    properties = CommitProperties(max_commit_retries=0)
    try:
        present.create_write_transaction([*added, *removed], "append", present.schema(), commit_properties=properties)
    except DeltaError as error:
        for action in added:
            (table / action.path).unlink(missing_ok=True)
        if isinstance(error, CommitFailedError):
            raise _second(table) from error
        raise


def _touched(present: DeltaTable, files: Sequence[ForecastFile]) -> list[str]:
    """Files of the table that may hold one of the cutoffs, by what the log says of them."""
    oldest, newest = min(file.cutoffs[0] for file in files), max(file.cutoffs[1] for file in files)
    if isinstance(oldest, datetime):
        oldest, newest = oldest - _LOG_STEP, newest + _LOG_STEP
    held = pl.DataFrame(present.get_add_actions(flatten=True))
    low, high = f"min.{CUTOFF}", f"max.{CUTOFF}"
    if low in held.columns and high in held.columns:
        outside = (pl.col(low) > pl.lit(newest)) | (pl.col(high) < pl.lit(oldest))
        held = held.filter(~outside.fill_null(value=False))
    return held["path"].to_list()


def _without(place: Path, files: Sequence[ForecastFile]) -> tuple[Path | None, bool]:
    """A file's rows that stay, as a file beside it (null where none does), and whether all of them do."""
    rows = pl.scan_parquet(place)
    first, last, n_rows = (
        rows.select(pl.col(UNIQUE_ID).min().alias("first"), pl.col(UNIQUE_ID).max().alias("last"), pl.len())
        .collect()
        .row(0)
    )
    near = [file.path for file in files if first is not None and file.first <= last and file.last >= first]
    if not near:
        return None, True
    pairs = pl.scan_parquet(near).select(_PAIR).unique()
    kept = place.with_name(_name(0))
    rows.join(pairs, on=_PAIR, how="anti", maintain_order="left").sink_parquet(kept)
    n_kept = pl.scan_parquet(kept).select(pl.len()).collect().item()
    if 0 < n_kept < n_rows:
        return kept, False
    kept.unlink()
    return None, n_kept == n_rows


def _create(table: Path, files: Sequence[ForecastFile], schema: Schema) -> None:
    actions = _moved(table, files)
    try:
        create_table_with_add_actions(str(table), schema, actions, "error")
    except (DeltaError, FileExistsError) as error:
        for action in actions:
            (table / action.path).unlink(missing_ok=True)
        if isinstance(error, CommitFailedError | FileExistsError) or "already exists" in str(error):
            raise _second(table) from error
        raise


def _with_columns(table: Path, present: DeltaTable, schema: pl.Schema) -> DeltaTable:
    """The table with the columns that it does not have yet, null in all that stands there."""
    held = pl.scan_delta(present).collect_schema()
    for name, dtype in schema.items():
        if name in held and held[name] != dtype:
            raise InputError(
                f"a column of {table.name} must keep its type, {name} is {held[name]} there, got {dtype}: forecast under "
                f"another name, or move {table} away"
            )
    new = pl.Schema({name: dtype for name, dtype in schema.items() if name not in held})
    if not new:
        return present
    with suppress(CommitFailedError):  # another writer: the commit of the rows will tell
        present.alter.add_columns(_delta_schema(new).fields)
    return DeltaTable(str(table))


def _second(table: Path) -> LockedError:
    return LockedError(
        f"one writer at a time may publish to {table.name}, another one committed first: run predict again"
    )


def _moved(table: Path, files: Sequence[ForecastFile]) -> list[AddAction]:
    """The files below the table's folder, with what its log has to say of them; no version knows them before a commit."""
    actions = []
    for number, file in enumerate(files):
        final = table / _name(number)
        file.path.replace(final)
        actions.append(_action(final, _bounds(file.n_rows, *file.cutoffs)))
    return actions


def _name(number: int) -> str:
    return f"part-{number:05d}-{uuid4().hex}.parquet"


def _action(file: Path, statistics: str) -> AddAction:
    stat = file.stat()
    return AddAction(file.name, stat.st_size, {}, stat.st_mtime_ns // 10**6, True, statistics)


def _statistics(rows: pl.LazyFrame) -> str:
    found = rows.select(pl.len(), pl.col(CUTOFF).min().alias("min"), pl.col(CUTOFF).max().alias("max")).collect()
    return _bounds(*found.row(0))


def _bounds(n_rows: int, oldest: object, newest: object) -> str:
    """What readers skip files by."""
    bounds = {"minValues": {CUTOFF: _json(oldest)}, "maxValues": {CUTOFF: _json(newest)}}
    return json.dumps({"numRecords": n_rows, "nullCount": {CUTOFF: 0}, **bounds})


def _json(value: object) -> object:
    """A cutoff as Delta's log has it: integers, dates, UTC time stamps in milliseconds."""
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%S.") + f"{value.microsecond // 1000:03d}Z"
    return value if isinstance(value, int) else str(value)


def _delta_schema(schema: pl.Schema) -> Schema:
    return Schema.from_arrow(pl.DataFrame(schema=schema).to_arrow().schema)
