"""Text files with a header and a delimiter: comes in a path or glob, goes out the long frame."""

import csv as csv_module
import gzip
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import IO, ClassVar, Literal

import polars as pl

from forecasting.errors import InputError
from forecasting.schema import DS, UNIQUE_ID
from forecasting.sources.files import (
    Differing,
    Tables,
    aligned,
    find_files,
    first_fault,
    first_file,
    identity_of,
    is_utf8,
    provenance_of,
    require_encoding,
    runs,
    schemas_of,
    shared_columns,
    shared_types,
)
from forecasting.sources.long_frame import Layout, require_iso, to_long, with_stamps
from forecasting.sources.scan import HEAD_ROWS, KEYS, Recognised, Scan, fingerprint_of

_SUFFIXES = (".csv", ".csv.gz")
_OTHER_SUFFIXES = (".tsv", ".txt")  # of a file that is named, not looked for in a folder
SAMPLE = 10_000  # rows
_WIDER: dict[pl.DataType, pl.DataType] = {
    pl.Int64(): pl.Float64(),
    pl.Date(): pl.Datetime("us"),
}
_PROPOSALS = (pl.Int64(), pl.Float64(), pl.Date(), pl.Datetime("us"))  # for a column that is empty in the first rows
Opened = Callable[[Mapping[str, pl.DataType]], pl.LazyFrame]


@dataclass(frozen=True, kw_only=True)
class CsvSource:
    """Text files with a header and a delimiter.

    Ids are text even where they look like numbers. Files in UTF-8 are read in pieces.
    """

    __pydantic_config__ = {"extra": "forbid"}  # noqa: RUF012 - read by pydantic where the config file is parsed
    looks_like: ClassVar[str] = "a .csv, .tsv or .txt file, or a folder of .csv files"

    path: str = field(kw_only=False)
    """File, folder or glob, read in the order of the names; in a folder, names that begin with `.` or `_` are left out.
    Example: sales/*.csv
    """
    kind: Literal["csv"] = "csv"
    """The kind of source."""
    columns: dict[str, str] = field(default_factory=dict)
    """Our column name -> the input's; what is not named keeps its name. Example: {unique_id: shop, ds: day, y: sold}"""
    layout: Layout = "long"
    """`long`: a row per series and stamp; `wide`: a column per series; `wide_rows`: a row per series, columns named by
    stamp. Example: wide
    """
    delimiter: str = ","
    """One character between fields. Example: ';'"""
    decimal_comma: bool = False
    """Whether 1,5 means 1.5; the delimiter must then be another character."""
    encoding: str = "utf8"
    """Any encoding that Python knows; one other than UTF-8 is decoded in memory. Example: cp1252"""
    null_values: list[str] = field(default_factory=list)
    """Texts that mean missing, beside the empty field. Example: [NA, '-']"""
    ds_format: str | None = None
    """strptime format of stamps that are text. Null: ISO 8601; anything else is refused. Example: '%d.%m.%Y'"""
    ignore: list[str] = field(default_factory=list)
    """Columns of a wide table that are no series. Example: [comment]"""
    differing_columns: Differing = "refuse"
    """Files with other columns than the first: `refuse`, `fill` the missing with nulls, or `drop` what not all have.
    Example: fill
    """

    def __post_init__(self) -> None:
        if len(self.delimiter.encode()) != 1:
            raise InputError(f"delimiter must be one character, got {self.delimiter!r}: set data.source.delimiter")
        if self.decimal_comma and self.delimiter == ",":
            raise InputError("delimiter must differ from the decimal comma, got ',': set data.source.delimiter")
        require_encoding(self.encoding)

    @classmethod
    def recognised(cls, place: str) -> Recognised | None:
        """A text file by its name, the delimiter by its first lines; of a folder the first file."""
        in_folder = Path(place).expanduser().is_dir()
        file = first_file(place, _SUFFIXES if in_folder else (*_SUFFIXES, *_OTHER_SUFFIXES))
        if file is None:
            return None
        delimiter = _delimiter(file)
        settings = {"path": place} | ({} if delimiter == "," else {"delimiter": delimiter})
        head = pl.read_csv(
            file, separator=delimiter, n_rows=HEAD_ROWS, try_parse_dates=True, infer_schema_length=HEAD_ROWS
        )
        return Recognised(settings, head)

    def scan(self, needs: Sequence[str] = KEYS) -> Scan:
        """Open the files; raises InputError for what is not there, cannot be read or does not fit together.

        The types of the columns come from all rows, so that a value late in a file is never a surprise.
        """
        files = find_files(self.path, _SUFFIXES)
        identity = identity_of(files)
        schemas = schemas_of(files, lambda file: types_of(partial(self._table, [file])))
        types = shared_types(files, schemas, shared_columns(files, schemas, self.differing_columns), loose=True)
        for file, schema in zip(files, schemas, strict=True):
            self._require_iso(file, schema)
        types |= self._numbers_of_a_wide_table(types)

        def table(some: list[Path]) -> pl.LazyFrame:
            """The rows of files with one header."""
            schema = by_file[some[0]]
            return aligned(self._table(some, {name: types[name] for name in types if name in schema}), schema, types)

        by_file = dict(zip(files, schemas, strict=True))
        tables: Tables = {file: partial(table, [file]) for file in files}
        whole = pl.concat([table(run) for run in runs(files, [list(schema) for schema in schemas])])
        long = with_stamps(to_long(whole, self.layout, self.columns, self.ignore, needs), self.ds_format)
        return Scan(
            long,
            fingerprint_of(asdict(self), identity, needs),
            provenance_of(self.kind, files),
            lambda: first_fault({**tables, self.path: lambda: long}, "null_values, decimal_comma, ds_format"),
        )

    def read(self, needs: Sequence[str] = KEYS) -> pl.DataFrame:
        """unique_id, ds, y and the files' further columns; raises InputError for what cannot be read."""
        return self.scan(needs).collect()

    def _table(self, files: Sequence[Path], types: Mapping[str, pl.DataType]) -> pl.LazyFrame:
        """Files with one header as they are; types not given come from their first rows."""
        decoded: list[IO[bytes]] = [] if is_utf8(self.encoding) else [self._decoded(file) for file in files]
        return pl.scan_csv(
            decoded or list(files),
            separator=self.delimiter,
            decimal_comma=self.decimal_comma,
            null_values=self.null_values or None,
            try_parse_dates=self.ds_format is None,
            infer_schema_length=SAMPLE,
            schema_overrides={**self._texts(), **types},
            glob=False,
        )

    def _require_iso(self, file: Path, schema: pl.Schema) -> None:
        """polars takes 01/02/2024 for the first of February whatever was meant; here a format must say so."""
        name = self.columns.get(DS, DS)
        if schema.get(name) in (pl.Date, pl.Datetime):
            texts = self._table([file], {name: pl.String()}).select(pl.col(name).drop_nulls().head(1)).collect()
            require_iso(texts.item(), file)

    def _decoded(self, file: Path) -> BytesIO:
        """The text of a file as UTF-8."""
        data = file.read_bytes()
        data = gzip.decompress(data) if file.suffix == ".gz" else data
        return BytesIO(data.decode(self.encoding).removeprefix("\ufeff").encode())

    def _texts(self) -> dict[str, pl.DataType]:
        """Columns that are text whatever they look like: ids, and stamps that wait for their format."""
        names = [self.columns.get(UNIQUE_ID, UNIQUE_ID)] if self.layout != "wide" else []
        names += [self.columns.get(DS, DS)] if self.ds_format is not None else []
        return dict.fromkeys(names, pl.String())

    def _numbers_of_a_wide_table(self, types: dict[str, pl.DataType]) -> dict[str, pl.DataType]:
        """Value columns that look like text: numbers if they are empty, else the reader says which value is none."""
        if self.layout == "long":
            return {}
        known = {*self.columns.values(), *self.ignore, UNIQUE_ID if self.layout == "wide_rows" else DS}
        return {name: pl.Float64() for name, kind in types.items() if kind == pl.String and name not in known}


def _delimiter(file: Path) -> str:
    opened = gzip.open if file.suffix == ".gz" else Path.open
    with opened(file, "rt", encoding="utf-8", errors="replace") as stream:
        sample = stream.read(64_000)
    try:
        return csv_module.Sniffer().sniff(sample, ",;\t|").delimiter
    except csv_module.Error:
        return ","


def types_of(opened: Opened) -> pl.Schema:
    """`opened` gives the file's rows with some types set and the others inferred from the first `SAMPLE` rows.

    Text is the type of a column that holds values of several kinds, or none.
    """
    schema = opened({}).collect_schema()
    sample = opened(dict.fromkeys(schema, pl.String())).head(SAMPLE).collect()
    if sample.height < SAMPLE:
        return schema
    empty = [name for name in schema if sample[name].null_count() == sample.height]
    known = {name: kind for name, kind in schema.items() if name not in empty}
    if not empty and _holds(opened, known, list(known)):
        return schema
    return pl.Schema({name: _climbed(opened, name, kind, name in empty) for name, kind in schema.items()})


def _climbed(opened: Opened, name: str, kind: pl.DataType, is_empty: bool) -> pl.DataType:
    ladder = _PROPOSALS if is_empty else (kind, _WIDER[kind]) if kind in _WIDER else (kind,)
    held = [rung for rung in ladder if rung == pl.String or _holds(opened, {name: rung}, [name])]
    return pl.String() if not held or held == list(_PROPOSALS) else held[0]


def _holds(opened: Opened, types: Mapping[str, pl.DataType], names: list[str]) -> bool:
    """Whether every value of the columns `names` is of the type that `types` says."""
    try:
        opened(types).select(pl.col(names).null_count()).collect(engine="streaming")
    except pl.exceptions.ComputeError:
        return False
    return True
