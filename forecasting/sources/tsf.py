"""Files in the text format of the Monash forecasting archive (.tsf): comes in a path, goes out the long frame."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from typing import ClassVar, Literal, NamedTuple

import polars as pl

from forecasting.errors import InputError
from forecasting.schema import DS, UNIQUE_ID, Y
from forecasting.sources.files import find_files, first_file, identity_of, provenance_of, require_encoding, unreadable
from forecasting.sources.long_frame import renamed
from forecasting.sources.scan import KEYS, Recognised, Scan, fingerprint_of, streamed
from forecasting.sources.tsf_header import Header, read_header

_LINES = 1_000  # series per piece
_START = "%Y-%m-%d %H-%M-%S"


class _File(NamedTuple):
    path: Path
    header: Header
    dated: bool  # every series starts at midnight and steps by whole days


@dataclass(frozen=True, kw_only=True)
class TsfSource:
    """Files in the text format of the Monash archive.

    ds counts from the start stamp of a series in steps of @frequency, or from 1 where there is none. Attributes become
    columns, one value per series.
    """

    __pydantic_config__ = {"extra": "forbid"}  # noqa: RUF012 - read by pydantic where the config file is parsed
    looks_like: ClassVar[str] = "a .tsf file, or a folder of them"

    path: str = field(kw_only=False)
    """File, folder or glob, read in the order of the names; in a folder, names that begin with `.` or `_` are left out.
    Example: m4_hourly_dataset.tsf
    """
    kind: Literal["tsf"] = "tsf"
    """The kind of source."""
    id: list[str] | None = None
    """Attributes that tell one series from another; joined by / they are the id. Null: series_name, else every text
    attribute. Example: [series_name]
    """
    columns: dict[str, str] = field(default_factory=dict)
    """Our column name -> the attribute's. Example: {store_type: type}"""
    encoding: str = "utf8"
    """Any encoding that Python knows. Example: cp1252"""

    def __post_init__(self) -> None:
        require_encoding(self.encoding)
        if UNIQUE_ID in self.columns:
            raise InputError("unique_id of a tsf file is named by id, got it among the columns: set data.source.id")

    @classmethod
    def recognised(cls, place: str) -> Recognised | None:
        """A file or folder by its name; its header says which column is which."""
        return Recognised({"path": place}) if first_file(place, [".tsf"]) else None

    def scan(self, needs: Sequence[str] = KEYS) -> Scan:
        """Read headers and start stamps; raises InputError for what is not there, breaks the format or does not agree."""
        paths = find_files(self.path, [".tsf"])
        identity = identity_of(paths)
        files = [self._opened(path) for path in paths]
        dated = all(file.dated for file in files)
        schemas = [self._schema(file.header, dated) for file in files]
        for file, schema in zip(files, schemas, strict=True):
            if schema != schemas[0]:
                raise InputError(
                    f"all files of a tsf source must have the same attributes, got {dict(schema)} in {file.path} and "
                    f"{dict(schemas[0])} in {files[0].path}: narrow data.source.path"
                )
        rows, fault = streamed(lambda: self._pieces(files, schemas[0]), schemas[0])
        header = files[0].header
        told = {"frequency": header.frequency, "horizon": header.horizon}
        return Scan(
            renamed(rows, self.columns, needs),
            fingerprint_of(asdict(self), identity, needs),
            provenance_of(self.kind, paths) | told,
            fault,
        )

    def read(self, needs: Sequence[str] = KEYS) -> pl.DataFrame:
        """unique_id, ds, y and the attributes; raises InputError for what cannot be read."""
        return self.scan(needs).collect()

    def _opened(self, path: Path) -> _File:
        try:
            with path.open(encoding=self.encoding) as lines:
                header = read_header(lines)
            dated = header.start is not None and header.step[1] not in ("s", "m", "h")
            if dated:
                place = list(header.attributes).index(header.start or "")
                dated = all(
                    _attributes(line, header)[place].endswith("00-00-00") for _, line in self._lines(path, header)
                )
        except InputError as error:
            raise InputError(f"{path}: {error}") from None
        except (OSError, UnicodeError) as error:
            raise unreadable(path, error, "encoding") from None
        return _File(path, header, dated)

    def _lines(self, path: Path, header: Header) -> Iterator[tuple[int, str]]:
        """Number and text of every series of a file."""
        with path.open(encoding=self.encoding) as lines:
            for number, line in enumerate(islice(lines, header.first - 1, None), start=header.first):
                text = line.strip()
                if text and not text.startswith("#"):
                    yield number, text

    def _ids(self, header: Header) -> list[str]:
        if self.id is None:
            texts = [name for name, kind in header.attributes.items() if kind == "string"]
            return ["series_name"] if "series_name" in texts else texts
        for name in self.id:
            if name not in header.attributes:
                known = ", ".join(map(repr, header.attributes))
                raise InputError(
                    f"id must name attributes of the file, which has {known}, got {name!r}: set data.source.id"
                )
        return self.id

    def _schema(self, header: Header, dated: bool) -> pl.Schema:
        stamp = pl.Int64() if header.start is None else pl.Date() if dated else pl.Datetime("us")
        taken = {UNIQUE_ID, DS, Y} & set(header.attributes)
        if taken:
            raise InputError(f"attributes must not be named like a key, got {', '.join(sorted(taken))}: mend the file")
        others = [name for name in header.attributes if name != header.start and self._ids(header) != [name]]
        kinds = {"string": pl.String(), "numeric": pl.Float64()}
        return pl.Schema(
            {UNIQUE_ID: pl.String(), DS: stamp, Y: pl.Float64()} | {n: kinds[header.attributes[n]] for n in others}
        )

    def _pieces(self, files: Sequence[_File], schema: pl.Schema) -> Iterator[pl.DataFrame]:
        count = 0
        for file in files:
            lines = self._lines(file.path, file.header)
            while block := list(islice(lines, _LINES)):
                try:
                    yield self._frame(block, file.header, schema, count)
                except (pl.exceptions.PolarsError, InputError, UnicodeError):
                    raise self._blamed(block, file, schema) from None
                count += len(block)

    def _frame(self, block: list[tuple[int, str]], header: Header, schema: pl.Schema, count: int) -> pl.DataFrame:
        """The series of some lines, one row per value."""
        rows = [_attributes(line, header) for _, line in block]
        named = {name: [row[i].strip() for row in rows] for i, name in enumerate(header.attributes)}
        ids = self._ids(header)
        keys = ["/".join(parts) for parts in zip(*(named[name] for name in ids), strict=True)] if ids else []
        table = pl.DataFrame(
            {
                **{name: named[name] for name in schema if name in named},
                UNIQUE_ID: keys or [f"T{count + i + 1}" for i in range(len(block))],
                "start": named[header.start] if header.start else [None] * len(block),
                Y: [row[-1].split(",") for row in rows],
            },
            schema_overrides={"start": pl.String, **dict.fromkeys(named, pl.String)},
        )
        numbers = [name for name, kind in schema.items() if kind == pl.Float64 and name != Y]
        long = table.with_columns(k=pl.int_ranges(pl.col(Y).list.len())).explode(Y, "k")
        value = pl.col(Y).str.strip_chars()
        return long.select(
            UNIQUE_ID,
            _stamp(header).cast(schema[DS]).alias(DS),
            pl.when(value != "?").then(value).cast(pl.Float64),
            *(pl.col(name).cast(schema[name]) if name in numbers else name for name in list(schema)[3:]),
        )

    def _blamed(self, block: list[tuple[int, str]], file: _File, schema: pl.Schema) -> InputError:
        """The error of the first line that cannot be read."""
        for number, line in block:
            try:
                self._frame([(number, line)], file.header, schema, 0)
            except (pl.exceptions.PolarsError, InputError) as error:
                return unreadable(f"{file.path}, line {number}", error)
        return unreadable(file.path, ValueError("its lines cannot be read"))


def _attributes(line: str, header: Header) -> list[str]:
    """The attributes of a series, then its values as one text."""
    parts = line.split(":")
    if len(parts) != len(header.attributes) + 1:
        raise InputError(
            f"a series must have {len(header.attributes)} attributes and its values, got {len(parts)} parts"
        )
    return parts


def _stamp(header: Header) -> pl.Expr:
    """The time stamp of value k of a series."""
    if header.start is None:
        return pl.col("k") + 1
    count, unit = header.step
    start = pl.col("start").str.to_datetime(_START, time_unit="us")
    return start.dt.offset_by(pl.format("{}" + unit, pl.col("k") * count))
