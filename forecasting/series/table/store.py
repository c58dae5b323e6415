"""The series store: comes in a clean series table and its quarantine, goes out numbered versions of both, each one
commit.

Below the folder lie the Delta tables `series` and `quarantine`. A version is one commit of `series`, whose metadata
holds the digest, the counts, and which version of `quarantine` belongs to it. Quarantine rows are written first, so a
kill in between leaves rows that no version points to, and a rerun replaces them.
"""

import json
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
from deltalake import CommitProperties, DeltaTable, write_deltalake
from deltalake.exceptions import CommitFailedError, DeltaError
from deltalake.transaction import create_table_with_add_actions

from forecasting.errors import InputError, LockedError
from forecasting.schema import DS, UNIQUE_ID, QuarantineTable, check
from forecasting.series.table.digest import digest_of
from forecasting.series.table.new_version import PART, PREFIX, Draft
from forecasting.series.table.order import is_sorted

DATASET_VERSION = "dataset_version"
# Old versions stay readable: neither log entries nor data files expire.
_CONFIGURATION: dict[str, str | None] = {
    "delta.enableExpiredLogCleanup": "false",
    "delta.logRetentionDuration": "interval 36500 days",
    "delta.deletedFileRetentionDuration": "interval 36500 days",
}
_ATTEMPTS, _PAUSE_S = 20, 0.1  # how long the loser of a race waits for the winner to finish

__all__ = ["SeriesStore", "Version", "digest_of"]


@dataclass(frozen=True)
class Version:
    """One published state: Delta version, sha256 digest of the series table, and its size."""

    version: int
    digest: str
    n_series: int
    n_rows: int


@dataclass(frozen=True)
class _Commit:
    """A version, what its commit says of the quarantine, and the table's newest commit of any kind."""

    version: Version
    quarantine_version: int
    quarantine_digest: str
    newest: int


class SeriesStore:
    """Versions of one pipeline's series; readers see a version whole or not at all."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.series = folder / "series"
        self.quarantined = folder / "quarantine"

    def draft(self) -> Draft:
        """A version in the making; use it as context."""
        return Draft(self._folder)

    def publish(self, frame: pl.DataFrame, quarantine: pl.DataFrame) -> Version:
        """Make `frame` and its quarantine the current version, as `commit` does for a draft."""
        with self.draft() as draft:
            draft.add(draft.write(frame.sort(UNIQUE_ID, DS)))
            return self.commit(draft, quarantine)

    def commit(self, draft: Draft, quarantine: pl.DataFrame) -> Version:
        """Make a draft and its quarantine (without dataset_version) the current version; unchanged content makes none.

        Raises LockedError when another writer publishes something else meanwhile.
        """
        content = draft.digest, digest_of(quarantine)
        before, lost = self._commit(None), None
        for _ in range(_ATTEMPTS):
            now = self._commit(None)
            if now is not None and (now.version.digest, now.quarantine_digest) == content:
                return now.version
            if now != before:
                break
            try:
                self._write(draft, quarantine, content, -1 if now is None else now.newest)
            except DeltaError as error:
                if not isinstance(error, CommitFailedError) and "already exists" not in str(error):
                    raise
                lost = error
                time.sleep(_PAUSE_S)
        draft.withdraw(_known_files(self.series))
        raise LockedError(
            f"one run at a time may publish to {self._folder}, got a second: run this one again later"
        ) from lost

    def current(self) -> Version | None:
        """The newest version, or None where nothing was published."""
        commit = self._commit(None)
        return None if commit is None else commit.version

    def read(self, version: int | None = None) -> pl.DataFrame:
        """The series table of a version (null: the newest), sorted by (unique_id, ds); InputError for an unknown
        version.
        """
        frame = self.scan(version).collect()
        return frame if is_sorted(frame) else frame.sort(UNIQUE_ID, DS)

    def ds_type(self) -> pl.DataType:
        """The type of `ds` in the newest version."""
        return self.scan().collect_schema()[DS]

    def scan(self, version: int | None = None) -> pl.LazyFrame:
        """The rows of `read`, still to be read, a file after the other: each holds whole series, and later ones than the
        file before, unless somebody else has rewritten the table.
        """
        table, files = self._files(version)
        return pl.scan_parquet(files, glob=False, hive_partitioning=False) if files else _frame(table).lazy()

    def scans(self, version: int | None = None) -> list[pl.LazyFrame]:
        """The rows of `scan` by file: who reads one after the other holds no more than one ahead."""
        table, files = self._files(version)
        return [pl.scan_parquet(file, glob=False, hive_partitioning=False) for file in files] or [_frame(table).lazy()]

    def quarantine(self, version: int | None = None) -> pl.DataFrame:
        """The quarantine table's rows of a version (null: the newest), sorted by (unique_id, reason)."""
        commit = self._required(version)
        rows = _frame(self._table(self.quarantined, commit.quarantine_version))
        return rows.filter(pl.col(DATASET_VERSION) == commit.version.version).sort(UNIQUE_ID, "reason")

    def sweep(self) -> int:
        """Remove what killed processes left: drafts, and files that no version points to. Call it under the pipeline's
        lock; returns how many.
        """
        drafts = list(self._folder.glob(f"{PREFIX}*"))
        for folder in drafts:
            shutil.rmtree(folder, ignore_errors=True)
        parts = [file for file in self.series.glob("*.parquet") if PART.fullmatch(file.name)]
        known = _known_files(self.series) if parts else set()
        strays = [file for file in parts if file.name not in known]
        for file in strays:
            file.unlink(missing_ok=True)
        return len(drafts) + len(strays)

    def _write(self, draft: Draft, quarantine: pl.DataFrame, content: tuple[str, str], newest: int) -> None:
        number = newest + 1
        rows = quarantine.with_columns(pl.lit(number, dtype=pl.Int64).alias(DATASET_VERSION))
        rows = check(
            QuarantineTable, rows.select(QuarantineTable.column_names()), [DATASET_VERSION, UNIQUE_ID, "reason"]
        )
        place = _replace(self.quarantined, rows, predicate=f"{DATASET_VERSION} = {number}")
        metadata = {
            "digest": content[0],
            "quarantine_digest": content[1],
            "quarantine_version": str(place),
            "n_series": str(draft.n_series),
            "n_rows": str(draft.n_rows),
        }
        _point(self.series, draft, metadata, at=newest)

    def _commit(self, version: int | None) -> _Commit | None:
        """The newest version up to `version`; commits without a digest (maintenance) changed no content."""
        table = self._open(self.series, version)
        if table is None:
            return None
        newest = int(table.version())
        for number in range(newest, -1, -1):
            entry = _metadata(self.series, number)
            if "digest" in entry:
                content = Version(number, entry["digest"], int(entry["n_series"]), int(entry["n_rows"]))
                return _Commit(content, int(entry["quarantine_version"]), entry["quarantine_digest"], newest)
        raise InputError(
            f"the series table must be written by this application, got none of its versions in {self.series}"
        )

    def _required(self, version: int | None) -> _Commit:
        commit = self._commit(version)
        if commit is None:
            raise InputError(
                f"a series version must be published first, got none in {self.series}: run forecast ingest"
            )
        return commit

    def _files(self, version: int | None) -> tuple[DeltaTable, list[str]]:
        table = self._table(self.series, self._required(version).version.version)
        return table, sorted(table.file_uris())

    def _table(self, path: Path, version: int) -> DeltaTable:
        table = self._open(path, version)
        if table is None:
            raise InputError(f"a published version must have both tables, {path} is missing: run forecast ingest")
        return table

    def _open(self, path: Path, version: int | None) -> DeltaTable | None:
        if not DeltaTable.is_deltatable(str(path)):
            return None
        newest = DeltaTable(path)
        if version is None or version == newest.version():
            return newest
        if not 0 <= version < newest.version():
            raise InputError(f"a version must lie between 0 and {newest.version()}, got {version}: see {path}")
        return DeltaTable(path, version=version)


def _metadata(path: Path, version: int) -> dict[str, Any]:
    """What the commit of a version says of itself; DeltaTable.history numbers from the opened version, but reads the
    newest.
    """
    log = path / "_delta_log" / f"{version:020d}.json"
    actions = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    return next((action["commitInfo"] for action in actions if "commitInfo" in action), {})


def _frame(table: DeltaTable) -> pl.DataFrame:
    frame = pl.from_arrow(table.to_pyarrow_table())
    if not isinstance(frame, pl.DataFrame):
        raise TypeError(f"a Delta table must read as a frame, got {type(frame)}")
    return frame


def _replace(path: Path, frame: pl.DataFrame, predicate: str) -> int:
    """Replace a table's rows of `predicate` in one commit that is never rebased; the new table version."""
    properties = CommitProperties(max_commit_retries=0)
    if not DeltaTable.is_deltatable(str(path)):
        path.mkdir(parents=True, exist_ok=True)
        write_deltalake(path, frame, mode="error", configuration=_CONFIGURATION, commit_properties=properties)
        return 0
    table = DeltaTable(path)
    write_deltalake(table, frame, mode="overwrite", predicate=predicate, commit_properties=properties)
    return int(table.version())


def _point(path: Path, draft: Draft, metadata: dict[str, str], at: int) -> None:
    """Make a draft's files all that the table holds, in one commit that is never rebased.

    `at`: the version that must be the newest (-1: no table yet); raises CommitFailedError otherwise.
    """
    properties = CommitProperties(custom_metadata=metadata, max_commit_retries=0)
    actions = draft.move(path)
    if at < 0:
        create_table_with_add_actions(
            str(path), draft.schema, actions, "error", configuration=_CONFIGURATION, commit_properties=properties
        )
        return
    table = DeltaTable(path)
    if table.version() != at:
        raise CommitFailedError(f"version {at} must be the newest, got {table.version()}")
    table.create_write_transaction(actions, "overwrite", draft.schema, commit_properties=properties)


def _known_files(path: Path) -> set[str]:
    """Every data file of any version of the table. Where somebody has cut the log short, all that is there counts."""
    logs = sorted((path / "_delta_log").glob("*.json"))
    if [log.stem for log in logs] != [f"{number:020d}" for number in range(len(logs))]:
        return {file.name for file in path.glob("*.parquet")}
    actions = (json.loads(line) for log in logs for line in log.read_text(encoding="utf-8").splitlines())
    return {action["add"]["path"] for action in actions if "add" in action}
