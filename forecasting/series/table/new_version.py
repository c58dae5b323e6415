"""A version of the series table in the making: comes in parts, each of whole series and later than the one before, goes out
their Parquet files, one digest and the sizes. Nothing of it can be seen by readers until a store commits it.
"""

import json
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self
from uuid import uuid4

import polars as pl
from deltalake.schema import Schema
from deltalake.transaction import AddAction

from forecasting.schema import DS, UNIQUE_ID, SeriesTable, Y, conform
from forecasting.series.table.digest import TableDigest

PREFIX = ".draft-"  # of the folders that drafts are written in
PART = re.compile(r"part-\d{5,}-[0-9a-f]{32}\.parquet")  # their files, once they lie in the table's folder
_LONGEST = 64  # characters of an id that stands in the log as the bound of a file


@contextmanager
def draft_folder(root: Path) -> Iterator[Path]:
    """A folder below `root` for files that are not published yet; it goes with the block, or with the next run's sweep."""
    folder = root / f"{PREFIX}{uuid4().hex}"
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@dataclass(frozen=True)
class Part:
    """One file: its rows (ids perhaps coded), and what the log says of it."""

    frame: pl.DataFrame
    file: Path


class Draft:
    """Use as context: its folder below `root` goes when it ends, committed or not.

    `write` may be called from several threads at once; `add` takes the parts in the order of their series.
    """

    def __init__(self, root: Path) -> None:
        self._folder = root / f"{PREFIX}{uuid4().hex}"
        self._made: list[Path] = []  # folders above it that were not there
        self._digest: TableDigest | None = None
        self._last: str | None = None
        self._files: list[tuple[Path, str]] = []
        self._schema: dict[str, pl.DataType] = {}
        self.n_series = 0
        self.n_rows = 0

    def __enter__(self) -> Self:
        self._made = [parent for parent in self._folder.parents if not parent.exists()]
        self._folder.mkdir(parents=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)
        with suppress(OSError):  # what came into them in the meantime stays
            for parent in self._made:
                parent.rmdir()

    @property
    def digest(self) -> str:
        """Content digest of the parts so far: that of `digest_of` over all rows."""
        return "" if self._digest is None else self._digest.hexdigest()

    @property
    def schema(self) -> Schema:
        """The columns of the table."""
        return Schema.from_arrow(pl.DataFrame(schema=self._schema).to_arrow().schema)

    def scan(self) -> pl.LazyFrame:
        """The rows of the parts so far, wherever they lie now."""
        files = [file for file, _ in self._files]
        return pl.scan_parquet(files, glob=False) if files else pl.LazyFrame(schema=self._schema)

    def folder(self, name: str) -> Path:
        """An empty folder that goes with the draft."""
        place = self._folder / name
        place.mkdir()
        return place

    def write(self, frame: pl.DataFrame) -> Part:
        """The file of a series table sorted by (unique_id, ds); ids may be an Enum in the order of their text.

        Raises ValueError for rows that are not sorted or not unique, and dataframely's ValidationError for values that
        break the contract.
        """
        _require_order(frame)
        plain = frame.with_columns(pl.col(UNIQUE_ID).cast(pl.String))
        conform(SeriesTable, plain)
        file = self._folder / f"{uuid4().hex}.parquet"
        plain.write_parquet(file, compression="zstd", compression_level=1)
        return Part(frame, file)

    def add(self, part: Part) -> None:
        """Take the part into the version; raises ValueError where its series do not come after those before."""
        if self._digest is None:
            self._schema = dict(part.frame.schema) | {UNIQUE_ID: pl.String()}
            self._digest = TableDigest(self._schema)
        self._digest.add(part.frame)
        if part.frame.is_empty():
            return
        first, last = str(part.frame[UNIQUE_ID][0]), str(part.frame[UNIQUE_ID][-1])
        if self._last is not None and not self._last < first:
            raise ValueError(f"parts must come in the order of their series, got {first!r} after {self._last!r}")
        self._last = last
        self.n_series += part.frame[UNIQUE_ID].rle_id()[-1] + 1
        self.n_rows += part.frame.height
        self._files.append((part.file, _statistics(part.frame, first, last)))

    def move(self, table: Path) -> list[AddAction]:
        """Put the files below the folder of a Delta table and say what its log has to say of them.

        Their names sort as their series do. No version points to them before the commit.
        """
        table.mkdir(parents=True, exist_ok=True)
        actions, name = [], uuid4().hex
        for number, (file, statistics) in enumerate(self._files):
            final = table / f"part-{number:05d}-{name}.parquet"
            file.replace(final)
            stat = final.stat()
            actions.append(AddAction(final.name, stat.st_size, {}, stat.st_mtime_ns // 10**6, True, statistics))
            self._files[number] = final, statistics
        return actions

    def withdraw(self, known: set[str]) -> None:
        """Remove the files again that no version of the table knows: another writer was faster."""
        for file, _ in self._files:
            if file.name not in known:
                file.unlink(missing_ok=True)


def _require_order(frame: pl.DataFrame) -> None:
    """Raises ValueError unless (unique_id, ds) ascends from row to row: sorted, and each key once."""
    before, later = pl.col(UNIQUE_ID).shift(1), pl.col(DS) > pl.col(DS).shift(1)
    ascends = (pl.col(UNIQUE_ID) > before) | ((pl.col(UNIQUE_ID) == before) & later)
    if not frame.select(ascends).to_series()[1:].all(ignore_nulls=False):
        raise ValueError("a series table must be sorted by unique_id and ds, which must be unique")


def _statistics(frame: pl.DataFrame, first: str, last: str) -> str:
    """What readers skip files by; long ids are no bounds."""
    counts: dict[str, object] = {"numRecords": frame.height, "nullCount": {Y: frame[Y].null_count()}}
    if max(len(first), len(last)) <= _LONGEST:
        counts |= {"minValues": {UNIQUE_ID: first}, "maxValues": {UNIQUE_ID: last}}
    return json.dumps(counts)
