"""What reads a query's rows from a database: goes in a URL, goes out Arrow batches, read-only and parameters bound.

PostgreSQL and SQLite through ADBC, in batches; other databases through connectorx, which holds the whole answer in memory.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote, unquote

import polars as pl
import pyarrow as pa

from forecasting.errors import InputError, unknown

Value = str | bool | int | float | date | datetime | None
_SQLITE_ROWS = 1_000_000  # rows per batch; SQLite's columns have no type, so the first batch tells it
_CONNECTORX = "connectorx"
DRIVERS = {  # what reads a URL of that scheme; each is a package of the extra `sql`
    "postgresql": "adbc_driver_postgresql.dbapi",
    "postgres": "adbc_driver_postgresql.dbapi",
    "sqlite": "adbc_driver_sqlite.dbapi",
    **dict.fromkeys(("mysql", "mssql", "oracle", "redshift", "clickhouse", "bigquery", "trino"), _CONNECTORX),
}
_QUOTES = {"mysql": "``", "bigquery": "``", "mssql": "[]"}
_TOKEN = re.compile(
    r"""(?P<skip>--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'|"(?:[^"]|"")*"|`[^`]*`|\$(?P<tag>\w*)\$.*?\$(?P=tag)\$|::)"""
    r"""|(?<![\w:]):(?P<name>[A-Za-z_]\w*)|(?P<end>;)""",
    re.DOTALL,
)
_READS = ("select", "with", "values", "table", "from")
_COMMENT = re.compile(r"\A(?:\s|\(|--[^\n]*(?:\n|\Z)|/\*.*?\*/)*", re.DOTALL)


class Database(Protocol):
    """One kind of database."""

    quotes: str

    def schema(self, query: str, parameters: Mapping[str, Value]) -> pl.Schema:
        """Names and types of the query's columns."""
        ...

    def batches(self, query: str, parameters: Mapping[str, Value]) -> Iterator[pl.DataFrame]:
        """Its rows, piece by piece."""
        ...


def database(url: str) -> Database:
    """What reads from `url`; raises InputError for a kind that nothing here reads."""
    scheme = url.partition("://")[0].lower() if "://" in url else ""
    if scheme in ("postgresql", "postgres"):
        return Postgres(url)
    if scheme == "sqlite":
        return Sqlite(url)
    if DRIVERS.get(scheme.partition("+")[0]) != _CONNECTORX:
        raise unknown(
            "the database of a URL",
            scheme,
            list(DRIVERS),
            "data.source.url, as postgresql://user:${NAME}@host/database",
        )
    return Other(url)


class Postgres:
    """One read-only transaction per query; a session in UTC."""

    quotes = '""'

    def __init__(self, url: str) -> None:
        self.url = url

    def schema(self, query: str, parameters: Mapping[str, Value]) -> pl.Schema:
        """What the server says of the prepared query, without running it."""
        text, names = placed(query, "$")
        with self._cursor() as cursor:
            if names:  # the types of a query with parameters are known when they are bound
                cursor.execute(text, _bound(parameters, names))
                return _schema(cursor.fetch_record_batch().schema)
            return _schema(cursor.adbc_execute_schema(text))

    def batches(self, query: str, parameters: Mapping[str, Value]) -> Iterator[pl.DataFrame]:
        """Batches of about 16 MB."""
        text, names = placed(query, "$")
        with self._cursor() as cursor:
            cursor.execute(text, _bound(parameters, names))
            yield from map(_frame, cursor.fetch_record_batch())

    @contextmanager
    def _cursor(self) -> Iterator[Any]:
        with _driver(DRIVERS["postgresql"]).connect(self.url) as connection, connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION READ ONLY")
            cursor.execute("SET LOCAL TIME ZONE 'UTC'")
            yield cursor


class Sqlite:
    """The file opened read-only: sqlite:///relative.db or sqlite:////absolute.db."""

    quotes = '""'

    def __init__(self, url: str) -> None:
        self.file = Path(unquote(url.partition("://")[2].partition("?")[0].removeprefix("/"))).expanduser()
        if not self.file.is_file():
            raise InputError(
                f"an SQLite URL must name a file that exists, got {str(self.file)!r} (from {Path.cwd()}): set "
                "data.source.url, as sqlite:///relative.db or sqlite:////absolute.db"
            )

    def schema(self, query: str, parameters: Mapping[str, Value]) -> pl.Schema:
        """The types of the first rows."""
        with self._reader(query, parameters) as reader:
            return _schema(reader.schema)

    def batches(self, query: str, parameters: Mapping[str, Value]) -> Iterator[pl.DataFrame]:
        """Batches of a million rows."""
        with self._reader(query, parameters) as reader:
            yield from map(_frame, reader)

    @contextmanager
    def _reader(self, query: str, parameters: Mapping[str, Value]) -> Iterator[Any]:
        text, names = placed(query, "?")
        uri = f"file:{quote(str(self.file.absolute()))}?mode=ro"
        with _driver(DRIVERS["sqlite"]).connect(uri) as connection, connection.cursor() as cursor:
            cursor.adbc_statement.set_options(**{"adbc.sqlite.query.batch_rows": str(_SQLITE_ROWS)})
            cursor.execute(text, _bound(parameters, names))
            yield cursor.fetch_record_batch()


class Other:
    """Whatever connectorx reads (mysql, mssql, oracle, ...); a subquery of a SELECT can change nothing."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.quotes = _QUOTES.get(re.split(r"[+:]", url)[0].lower(), '""')

    def schema(self, query: str, parameters: Mapping[str, Value]) -> pl.Schema:
        """The types of an answer without rows."""
        return _schema(self._table(query, parameters, " WHERE 1 = 0").schema)

    def batches(self, query: str, parameters: Mapping[str, Value]) -> Iterator[pl.DataFrame]:
        """The whole answer as one piece."""
        yield from map(_frame, self._table(query, parameters, "").to_batches())

    def _table(self, query: str, parameters: Mapping[str, Value], condition: str) -> Any:
        if parameters:
            raise InputError(
                "parameters can be bound on PostgreSQL and SQLite only, got some for another database: make a view there "
                "and name it in data.source.table"
            )
        text = f"SELECT * FROM ({query.strip().removesuffix(';')}) q{condition}"
        return _driver(_CONNECTORX).read_sql(self.url, text, return_type="arrow")


def _driver(module: str) -> Any:
    try:
        return import_module(module)
    except ImportError:
        raise InputError(
            f"a source of kind sql needs the package {module.partition('.')[0]}, got an installation without it: "
            "pip install 'forecasting[sql]'"
        ) from None


def _bound(parameters: Mapping[str, Value], names: Sequence[str]) -> list[Value] | None:
    """Values in the order of the placeholders; ISO dates and times as such, since a stored config holds them as text."""
    return [_dated(parameters[name]) for name in names] or None


def _dated(value: Value) -> Value:
    if isinstance(value, str) and re.match(r"\d{4}-\d\d-\d\d($|[T ]\d\d:\d\d)", value):
        return date.fromisoformat(value) if len(value) == 10 else datetime.fromisoformat(value)
    return value


def _schema(schema: pa.Schema) -> pl.Schema:
    return _frame(pa.RecordBatch.from_pylist([], schema=_plain_schema(schema)), schema).schema


def _plain_schema(schema: pa.Schema) -> pa.Schema:
    """Types that Arrow has no name for (numeric, uuid) as what they are stored as."""
    fields = [
        pa.field(field.name, field.type.storage_type if isinstance(field.type, pa.BaseExtensionType) else field.type)
        for field in schema
    ]
    return pa.schema(fields)


def _frame(batch: pa.RecordBatch, schema: pa.Schema | None = None) -> pl.DataFrame:
    """A batch as a frame; PostgreSQL's numeric, which comes as text, as Float64."""
    declared = batch.schema if schema is None else schema
    stored = [column.storage if isinstance(column, pa.ExtensionArray) else column for column in batch.columns]
    frame = pl.DataFrame(pl.from_arrow(pa.RecordBatch.from_arrays(stored, schema=_plain_schema(declared))))
    numeric = [field.name for field in declared if (field.metadata or {}).get(b"ADBC:postgresql:typname") == b"numeric"]
    return frame.with_columns(pl.col(numeric).cast(pl.Float64)) if numeric else frame


# What is no code: comments, texts, quoted names, PostgreSQL's $tag$ texts. Parameters and casts are told apart after these.


def require_one_query(query: str, parameters: Mapping[str, object]) -> None:
    """Raises InputError for several statements, for one that does not read, and for parameters that do not match."""
    code = _code(query)
    if ";" in code.rstrip().removesuffix(";"):
        raise InputError("a query must be one statement, got several: set data.source.query to one SELECT")
    first = re.match(r"\w*", query[len((_COMMENT.match(query) or [""])[0]) :])
    if first is None or first[0].lower() not in _READS:
        raise InputError(
            f"a query must only read, got one that starts with {query.strip()[:20]!r}: set data.source.query to a SELECT"
        )
    named = set(_names(query))
    if named != set(parameters):
        missing, extra = sorted(named - set(parameters)), sorted(set(parameters) - named)
        raise InputError(
            f"the parameters must be those that the query names (:name), got none for {missing} and unused {extra}: "
            "set data.source.parameters"
        )


def placed(query: str, mark: str) -> tuple[str, list[str]]:
    """The query with numbered placeholders (`mark` and a number from 1), and the name of each number."""
    order = list(dict.fromkeys(_names(query)))
    text = _TOKEN.sub(lambda found: f"{mark}{order.index(found['name']) + 1}" if found["name"] else found[0], query)
    return text.strip().removesuffix(";"), order


def quoted(table: str, quotes: Sequence[str]) -> str:
    """schema.table as quoted names: whatever the text holds, it is a name and never code."""
    left, right = quotes[0], quotes[-1]
    return ".".join(f"{left}{part.replace(right, right * 2)}{right}" for part in table.split("."))


def _names(query: str) -> list[str]:
    return [found["name"] for found in _TOKEN.finditer(query) if found["name"]]


def _code(query: str) -> str:
    """The query without comments, texts and quoted names."""
    return _TOKEN.sub(lambda found: ";" if found["end"] else " ", query)
