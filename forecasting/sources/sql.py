"""A query or table of a database: comes in a URL whose secrets are in the environment, goes out the long frame."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Literal

import polars as pl

from forecasting.errors import InputError
from forecasting.sources.databases import DRIVERS, Database, Value, database, quoted, require_one_query
from forecasting.sources.files import first_fault
from forecasting.sources.long_frame import Layout, to_long, with_stamps
from forecasting.sources.scan import HEAD_ROWS, KEYS, Recognised, Scan, streamed
from forecasting.sources.secrets import Resolved, require_no_password, resolved_url


@dataclass(frozen=True, kw_only=True)
class SqlSource:
    """A table or a query of a database; the connection only reads."""

    __pydantic_config__ = {"extra": "forbid"}  # noqa: RUF012 - read by pydantic where the config file is parsed
    looks_like: ClassVar[str] = "URL#TABLE of a database, as sqlite:///shop.db#sales"

    url: str = field(kw_only=False)
    """Address of the database; its secrets as ${NAME} of the environment, a password that is written out is refused.
    Example: postgresql://me:${DB_PASSWORD}@host/shop
    """
    kind: Literal["sql"] = "sql"
    """The kind of source."""
    table: str | None = None
    """Table to read, with its schema. Null: `query` says what is read; one of both is needed. Example: public.sales"""
    query: str | None = None
    """One SELECT, which only reads. Null: all of `table`. Example: select * from sales where day >= :since"""
    parameters: dict[str, Value] = field(default_factory=dict)
    """Values of the query's :name parameters; they are bound, never formatted into the text. Example: {since:
    2022-01-01}
    """
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

    def __post_init__(self) -> None:
        require_no_password(self.url, "data.source.url")
        if (self.table is None) == (self.query is None):
            raise InputError(
                "a sql source must have a table or a query, got "
                f"{'neither' if self.table is None else 'both'}: set data.source.table or data.source.query"
            )
        if self.query is not None:
            require_one_query(self.query, self.parameters)
        elif self.parameters:
            raise InputError("parameters belong to a query, got some for a table: set data.source.query")

    @classmethod
    def recognised(cls, place: str) -> Recognised | None:
        """URL#TABLE of a database that can be read, secrets in the URL as ${NAME}."""
        url, _, table = place.partition("#")
        if url.partition("://")[0].partition("+")[0].lower() not in DRIVERS:
            return None
        if not table:
            raise InputError(f"a database must come with a table, got {url}: give URL#TABLE")
        rows = cls(url=url, table=table).scan(needs=()).rows
        return Recognised({"url": url, "table": table}, rows.head(HEAD_ROWS).collect())

    def scan(self, needs: Sequence[str] = KEYS) -> Scan:
        """Ask for the columns of the query; its rows are asked for whenever they are collected.

        Raises InputError where the server cannot be reached or refuses the query; the message holds no secret.
        """
        url = resolved_url(self.url, "data.source.url")
        reader = database(url.text)
        query = self.query or f"SELECT * FROM {quoted(self.table or '', reader.quotes)}"
        try:
            schema = reader.schema(query, self.parameters)
        except Exception as error:  # noqa: BLE001 - each driver has errors of its own, all of them are the database's
            raise _refused(error, url) from None
        table, refusal = streamed(lambda: self._batches(reader, query, url), schema)
        provenance = {"kind": self.kind, "url": self.url, "table": self.table, "query": self.query}
        long = to_long(table, self.layout, self.columns, self.ignore, needs)
        with Scan(table, None, provenance, refusal).reading():
            rows = with_stamps(long, self.ds_format)

        def fault() -> InputError | None:
            return refusal() or first_fault({"the answer of the query": lambda: rows}, "ds_format")

        return Scan(rows, None, provenance, fault)

    def read(self, needs: Sequence[str] = KEYS) -> pl.DataFrame:
        """unique_id, ds, y and the answer's further columns; raises InputError for what cannot be read."""
        return self.scan(needs).collect()

    def _batches(self, reader: Database, query: str, url: Resolved) -> Iterator[pl.DataFrame]:
        try:
            yield from reader.batches(query, self.parameters)
        except Exception as error:  # noqa: BLE001 - as above
            raise _refused(error, url) from None


def _refused(error: Exception, url: Resolved) -> InputError:
    if isinstance(error, InputError):
        return error
    said = url.clean((str(error).splitlines() or [type(error).__name__])[0])
    hint = ", or cast the column in the query (cast(y AS REAL))" if "mismatch" in said else ""
    return InputError(
        f"the database must answer the query, got {said}: set data.source.url, table, query or parameters{hint}"
    )
