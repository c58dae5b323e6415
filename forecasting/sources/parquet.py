"""Parquet files: comes in a file, a folder, a glob or an object-store URI, goes out the long frame."""

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import date
from functools import partial
from pathlib import Path
from typing import ClassVar, Literal
from urllib.parse import unquote

import polars as pl

from forecasting.errors import InputError
from forecasting.sources.files import (
    Differing,
    Tables,
    aligned,
    find_files,
    first_fault,
    first_file,
    footers_of,
    identity_of,
    provenance_of,
    runs,
    schemas_of,
    shared_columns,
    shared_types,
)
from forecasting.sources.long_frame import Layout, to_long, with_stamps
from forecasting.sources.places import Options, Place
from forecasting.sources.scan import HEAD_ROWS, KEYS, Recognised, Scan, fingerprint_of

_SUFFIXES = (".parquet",)
_FILE = "__file"
Value = str | int | date | None
_NULL = "__HIVE_DEFAULT_PARTITION__"
_INTEGER = re.compile(r"0|-?[1-9]\d{0,17}")
_DATE = re.compile(r"\d{4}-\d\d-\d\d")


@dataclass(frozen=True, kw_only=True)
class ParquetSource:
    """Parquet files, hive partitions and object stores."""

    __pydantic_config__ = {"extra": "forbid"}  # noqa: RUF012 - read by pydantic where the config file is parsed
    looks_like: ClassVar[str] = "a .parquet file, or a folder of them"

    path: str = field(kw_only=False)
    """File, folder or glob, read in the order of the names; in a folder, names that begin with `.` or `_` are left out;
    or an object-store URI. Folders named column=value become columns. Example: s3://bucket/sales/
    """
    kind: Literal["parquet"] = "parquet"
    """The kind of source."""
    columns: dict[str, str] = field(default_factory=dict)
    """Our column name -> the input's; what is not named keeps its name. Example: {unique_id: shop, ds: day, y: sold}"""
    layout: Layout = "long"
    """`long`: a row per series and stamp; `wide`: a column per series; `wide_rows`: a row per series, columns named by
    stamp. Example: wide
    """
    ds_format: str | None = None
    """strptime format of stamps that are text. Null: ISO 8601; anything else is refused. Example: '%d.%m.%Y'"""
    ignore: list[str] = field(default_factory=list)
    """Columns of a wide table that are no series. Example: [comment]"""
    differing_columns: Differing = "refuse"
    """Files with other columns than the first: `refuse`, `fill` the missing with nulls, or `drop` what not all have.
    Example: fill
    """
    storage_options: Options = field(default_factory=dict)
    """Options of the object store as polars and deltalake take them; secrets as ${NAME} of the environment. Example:
    {aws_region: eu-west-1}
    """

    def __post_init__(self) -> None:
        Place.require_no_secrets(self.path, self.storage_options)

    @classmethod
    def recognised(cls, place: str) -> Recognised | None:
        """A file or folder by its name, never a Delta table."""
        file = first_file(place, _SUFFIXES)
        if file is None:
            return None
        return Recognised({"path": place}, pl.scan_parquet(file).head(HEAD_ROWS).collect())

    def scan(self, needs: Sequence[str] = KEYS) -> Scan:
        """Open the files; raises InputError for what is not there, cannot be read or does not fit together."""
        place = Place.resolved(self.path, self.storage_options)
        return self._scan_remote(place, needs) if place.is_remote else self._scan_local(place, needs)

    def read(self, needs: Sequence[str] = KEYS) -> pl.DataFrame:
        """unique_id, ds, y and the files' further columns; raises InputError for what cannot be read."""
        return self.scan(needs).collect()

    def _scan_local(self, place: Place, needs: Sequence[str]) -> Scan:
        files = find_files(place.uri, _SUFFIXES)
        identity = identity_of(files)
        stored = schemas_of(files, lambda file: pl.Schema(pl.read_parquet_schema(file)))
        kinds, told = partition_columns(place.uri, files)
        schemas = [
            pl.Schema({**schema, **{name: kinds[name] for name in told[file] if name not in schema}})
            for file, schema in zip(files, stored, strict=True)
        ]
        types = shared_types(files, schemas, shared_columns(files, schemas, self.differing_columns))

        def table(some: list[Path]) -> pl.LazyFrame:
            """The rows of files with one schema."""
            rows = pl.scan_parquet(some, hive_partitioning=False, glob=False, include_file_paths=_FILE)
            names = [name for name in told[some[0]] if name not in stored_by_file[some[0]]]
            paths = [str(file) for file in some]
            folders = [
                pl.col(_FILE)
                .replace_strict(paths, [told[file][name] for file in some], return_dtype=kinds[name])
                .alias(name)
                for name in names
            ]
            return aligned(rows.with_columns(folders), by_file[some[0]], types)

        stored_by_file, by_file = dict(zip(files, stored, strict=True)), dict(zip(files, schemas, strict=True))
        whole = pl.concat([table(run) for run in runs(files, [dict(schema) for schema in schemas])])
        long = self._long(whole, needs)
        tables: Tables = {file: partial(table, [file]) for file in files}
        return Scan(
            long,
            fingerprint_of(asdict(self), identity, footers_of(files), needs),
            provenance_of(self.kind, files),
            lambda: first_fault({**tables, self.path: lambda: long}, "ds_format"),
        )

    def _scan_remote(self, place: Place, needs: Sequence[str]) -> Scan:
        """What polars makes of the URI; differing columns are measured by the first file."""
        identity = place.identity()
        try:
            rows = pl.scan_parquet(
                place.uri,
                storage_options=place.options or None,
                missing_columns="insert" if self.differing_columns == "fill" else "raise",
                extra_columns="ignore" if self.differing_columns == "drop" else "raise",
            )
            rows.collect_schema()
        except (pl.exceptions.PolarsError, OSError, ValueError) as error:
            raise place.unreadable(error, "path or storage_options") from None
        long = self._long(rows, needs)
        fingerprint = fingerprint_of(asdict(self), identity, needs) if identity else None

        def fault() -> InputError | None:
            found = first_fault({self.path: lambda: long}, "path, storage_options, differing_columns or ds_format")
            return InputError(place.clean(str(found))) if found else None

        return Scan(long, fingerprint, {"kind": self.kind, "path": self.path, **(identity or {})}, fault)

    def _long(self, rows: pl.LazyFrame, needs: Sequence[str]) -> pl.LazyFrame:
        return with_stamps(to_long(rows, self.layout, self.columns, self.ignore, needs), self.ds_format)


def partition_columns(root: str, files: Sequence[Path]) -> tuple[pl.Schema, dict[Path, dict[str, Value]]]:
    """The columns that folders below `root` tell, and their values per file.

    A column is Int64 or Date where all values of all files are such, else text: 007 is text.
    """
    texts = {file: _texts(root, file) for file in files}
    names = dict.fromkeys(name for told in texts.values() for name in told)
    types = pl.Schema({name: _kind([told.get(name) for told in texts.values()]) for name in names})
    return types, {
        file: {name: _value(text, types[name]) for name, text in told.items()} for file, told in texts.items()
    }


def _texts(root: str, file: Path) -> dict[str, str | None]:
    """column=value folders between `root` (up to its first wildcard) and the file."""
    fixed = Path(re.split(r"[*?\[]", root)[0])
    below = file.relative_to(fixed).parts if file.is_relative_to(fixed) else file.parts
    pairs = [part.partition("=") for part in below[:-1] if "=" in part]
    return {unquote(name): None if value == _NULL else unquote(value) for name, _, value in pairs}


def _kind(texts: Sequence[str | None]) -> pl.DataType:
    values = [text for text in texts if text is not None]
    if values and all(_INTEGER.fullmatch(text) for text in values):
        return pl.Int64()
    return pl.Date() if values and all(_is_date(text) for text in values) else pl.String()


def _is_date(text: str) -> bool:
    try:
        return bool(_DATE.fullmatch(text) and date.fromisoformat(text))
    except ValueError:
        return False


def _value(text: str | None, kind: pl.DataType) -> Value:
    if text is None or kind == pl.String:
        return text
    return int(text) if kind == pl.Int64 else date.fromisoformat(text)
