"""The series store: comes in a clean series table and its quarantine, goes out numbered versions of both, each one
commit.

Below the folder lie the Delta tables `series` and `quarantine`. A version is one commit of `series`, whose metadata
holds the digest, the counts, and which version of `quarantine` belongs to it. Quarantine rows are written first, so a
kill in between leaves rows that no version points to, and a rerun replaces them.
"""

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
from deltalake import CommitProperties, DeltaTable, write_deltalake
from deltalake.exceptions import CommitFailedError, DeltaError

from forecasting.errors import InputError, LockedError
from forecasting.schema import DS, UNIQUE_ID, QuarantineTable, SeriesTable, check
from forecasting.series.digest import digest_of

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
        self.series = folder / "series"
        self.quarantined = folder / "quarantine"

    def publish(self, frame: pl.DataFrame, quarantine: pl.DataFrame) -> Version:
        """Make `frame` and its quarantine (without dataset_version) the current version; unchanged content makes none.

        Raises dataframely's ValidationError or ValueError for rows that break the tables' contracts, and LockedError
        when another writer publishes something else meanwhile.
        """
        frame = check(SeriesTable, frame, [UNIQUE_ID, DS]).sort(UNIQUE_ID, DS)
        content = digest_of(frame), digest_of(quarantine)
        before, lost = self._commit(None), None
        for _ in range(_ATTEMPTS):
            now = self._commit(None)
            if now is not None and (now.version.digest, now.quarantine_digest) == content:
                return now.version
            if now != before:
                break
            try:
                self._write(frame, quarantine, content, -1 if now is None else now.newest)
            except DeltaError as error:
                if not isinstance(error, CommitFailedError) and "already exists" not in str(error):
                    raise
                lost = error
                time.sleep(_PAUSE_S)
        raise LockedError(
            f"one run at a time may publish to {self.series.parent}, got a second: run this one again later"
        ) from lost

    def current(self) -> Version | None:
        """The newest version, or None where nothing was published."""
        commit = self._commit(None)
        return None if commit is None else commit.version

    def read(self, version: int | None = None) -> pl.DataFrame:
        """The series table of a version (null: the newest), sorted by (unique_id, ds); InputError for an unknown
        version.
        """
        table = self._open(self.series, self._required(version).version.version)
        return _frame(table).sort(UNIQUE_ID, DS)

    def quarantine(self, version: int | None = None) -> pl.DataFrame:
        """The quarantine table's rows of a version (null: the newest), sorted by (unique_id, reason)."""
        commit = self._required(version)
        rows = _frame(self._open(self.quarantined, commit.quarantine_version))
        return rows.filter(pl.col(DATASET_VERSION) == commit.version.version).sort(UNIQUE_ID, "reason")

    def _write(self, frame: pl.DataFrame, quarantine: pl.DataFrame, content: tuple[str, str], newest: int) -> None:
        number = newest + 1
        rows = quarantine.with_columns(pl.lit(number, dtype=pl.Int64).alias(DATASET_VERSION))
        rows = check(
            QuarantineTable, rows.select(QuarantineTable.column_names()), [DATASET_VERSION, UNIQUE_ID, "reason"]
        )
        place = _overwrite(self.quarantined, rows, predicate=f"{DATASET_VERSION} = {number}", metadata={}, at=None)
        metadata = {
            "digest": content[0],
            "quarantine_digest": content[1],
            "quarantine_version": str(place),
            "n_series": str(frame[UNIQUE_ID].n_unique()),
            "n_rows": str(frame.height),
        }
        _overwrite(self.series, frame, predicate=None, metadata=metadata, at=newest)

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


def _frame(table: DeltaTable | None) -> pl.DataFrame:
    if table is None:
        raise InputError("a published version must have both tables, the quarantine is missing: run forecast ingest")
    frame = pl.from_arrow(table.to_pyarrow_table())
    if not isinstance(frame, pl.DataFrame):
        raise TypeError(f"a Delta table must read as a frame, got {type(frame)}")
    return frame


def _overwrite(path: Path, frame: pl.DataFrame, predicate: str | None, metadata: dict[str, str], at: int | None) -> int:
    """Replace a table's rows (all, or those of `predicate`) in one commit that is never rebased; the new table version.

    `at`: the version that must be the newest (-1: no table yet); null: whatever it is. Raises CommitFailedError
    otherwise.
    """
    properties = CommitProperties(custom_metadata=metadata, max_commit_retries=0)
    if not DeltaTable.is_deltatable(str(path)):
        path.mkdir(parents=True, exist_ok=True)
        write_deltalake(path, frame, mode="error", configuration=_CONFIGURATION, commit_properties=properties)
        return 0
    table = DeltaTable(path)
    if at is not None and table.version() != at:
        raise CommitFailedError(f"version {at} must be the newest, got {table.version()}")
    write_deltalake(
        table,
        frame,
        mode="overwrite",
        predicate=predicate,
        schema_mode=None if predicate else "overwrite",
        commit_properties=properties,
    )
    return int(table.version())
