"""The sql source on a real PostgreSQL server."""

from collections.abc import Iterator
from datetime import UTC, date, datetime

import polars as pl
import pytest

from forecasting.errors import InputError
from forecasting.sources import SqlSource
from tests.sources import postgres

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(postgres.binaries() is None, reason="PostgreSQL is not installed"),
]

TABLE = """create table shop.sales (
    unique_id text, ds date, y numeric(12, 2), price real, n integer, at timestamptz, local timestamp, open boolean)"""
ROWS = """insert into shop.sales values
    ('a', '2024-01-01', 1.25, 2.5, 3, '2024-01-01 12:00+02', '2024-01-01 12:00', true),
    ('a', '2024-01-02', null, 2.5, 4, null, null, false),
    ('b', '2024-01-01', 7, 2.0, 5, '2024-07-01 00:00+00', '2024-07-01', null)"""


@pytest.fixture(scope="module")
def server() -> Iterator[postgres.Server]:
    with postgres.running() as server:
        execute(server, "create schema shop", TABLE, ROWS)
        yield server


@pytest.fixture
def url(server: postgres.Server, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("SHOP_PASSWORD", postgres.PASSWORD)
    return f"postgresql://{postgres.USER}:${{SHOP_PASSWORD}}@{server.place}"


def execute(server: postgres.Server, *statements: str) -> None:
    import adbc_driver_postgresql.dbapi

    with adbc_driver_postgresql.dbapi.connect(server.url, autocommit=True) as connection, connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def test_a_table_is_read_with_its_types(url: str):
    frame = SqlSource(url, table="shop.sales").read()
    assert frame.columns == ["unique_id", "ds", "y", "price", "n", "at", "local", "open"]
    assert frame.row(0) == (
        *("a", date(2024, 1, 1), 1.25, 2.5, 3),
        *(datetime(2024, 1, 1, 10, tzinfo=UTC), datetime(2024, 1, 1, 12), True),
    )
    assert frame["y"].to_list() == [1.25, None, 7.0]
    assert frame.schema["y"] == pl.Float64


def test_a_whole_url_may_come_from_the_environment(server: postgres.Server, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DATABASE_URL", server.url)
    assert SqlSource("${DATABASE_URL}", table="shop.sales").read().height == 3


def test_parameters_are_bound_and_never_code(url: str):
    query = "select * from shop.sales where unique_id = :shop and ds >= :since and y > :least -- :no parameter"
    wanted = {"shop": "b", "since": "2024-01-01", "least": 6.5}
    assert SqlSource(url, query=query, parameters=wanted).read()["y"].to_list() == [7.0]
    with pytest.raises(InputError, match="must have rows, got none"):
        SqlSource(url, query=query, parameters=wanted | {"shop": "b' or 'a' = 'a"}).read()


def test_a_parameter_may_be_cast_and_named_twice(url: str):
    query = "select *, ':x' as label from shop.sales where at > :since::timestamptz or :since::date = date '2000-01-01'"
    frame = SqlSource(url, query=query, parameters={"since": "2024-06-01T00:00"}).read()
    assert frame.select("unique_id", "label").rows() == [("b", ":x")]


@pytest.mark.parametrize(
    "query",
    [
        "with gone as (delete from shop.sales returning *) select * from gone",
        "select nextval('shop.counter') as y, 'a' as unique_id, 1 as ds",
        "select 'a' as unique_id, 1 as ds, set_config('transaction_read_only', 'off', false) as y",
    ],
)
def test_a_query_that_writes_is_refused_by_the_server(server: postgres.Server, url: str, query: str):
    execute(server, "create sequence if not exists shop.counter")
    with pytest.raises(InputError, match=r"(read-only transaction|read-write mode)"):
        SqlSource(url, query=query).read()
    assert SqlSource(url, table="shop.sales").read().height == 3


def test_rows_come_in_batches(server: postgres.Server, url: str):
    many = "select 's' || g % 7 as unique_id, g::bigint as ds, repeat('x', 100) as note, g / 2.0::float8 as y"
    scan = SqlSource(url, query=f"{many} from generate_series(1, 400000) g").scan()
    heights = [batch.height for batch in scan.rows.collect_batches(chunk_size=10_000)]
    assert len(heights) > 1
    assert sum(heights) == 400_000
    assert scan.rows.select("ds", "y").head(2).collect().rows() == [(1, 0.5), (2, 1.0)]


@pytest.mark.parametrize(
    ("table", "message"),
    [("shop.nothing", 'relation "shop.nothing" does not exist'), ('x"; drop table shop.sales; --', "does not exist")],
)
def test_a_table_that_is_not_there_is_an_input_error(url: str, table: str, message: str):
    with pytest.raises(InputError, match=message):
        SqlSource(url, table=table).read()


@pytest.mark.parametrize(
    ("url", "value"),
    [
        ("postgresql://owner:${SHOP_PASSWORD}@{place}", "no b@d pass/here"),
        ("${SHOP_PASSWORD}", "postgresql://owner:no b@d pass/here@{place}"),
        ("postgresql://{place}?user=owner&password=${SHOP_PASSWORD}", "no b@d pass/here"),
    ],
)
def test_a_failed_connection_tells_no_secret(
    server: postgres.Server, monkeypatch: pytest.MonkeyPatch, url: str, value: str
):
    monkeypatch.setenv("SHOP_PASSWORD", value.replace("{place}", server.place))
    with pytest.raises(InputError, match=r"must answer the query, got .*set data\.source\.url") as caught:
        SqlSource(url.replace("{place}", server.place), table="shop.sales").read()
    assert not any(piece in str(caught.value) for piece in ("no b", "no%20b", "d pass", "here"))
    assert caught.value.__suppress_context__


def test_what_a_function_writes_all_the_same_is_rolled_back(url: str):
    count = "select 'a' as unique_id, 1 as ds, count(*) as y from pg_largeobject_metadata"
    SqlSource(url, query="select 'a' as unique_id, 1 as ds, lo_create(0)::bigint as y").read()
    assert SqlSource(url, query=count).read()["y"].to_list() == [0]


def test_a_failure_in_the_middle_of_the_answer_is_the_databases_word(url: str):
    with pytest.raises(InputError, match="division by zero"):
        SqlSource(
            url, query="select 'a' as unique_id, g as ds, 1 / (g - 5000) as y from generate_series(1, 9000) g"
        ).read()


def test_other_databases_are_read_through_connectorx(server: postgres.Server):
    from forecasting.sources.databases import Other

    reader = Other(server.url)
    query = "select unique_id, ds, y, price from shop.sales order by 1, 2;"
    assert reader.schema(query, {}).names() == ["unique_id", "ds", "y", "price"]
    frame = pl.concat(reader.batches(query, {}))
    assert frame.select("unique_id", "ds", pl.col("y").cast(pl.Float64)).rows()[0] == ("a", date(2024, 1, 1), 1.25)
    with pytest.raises(RuntimeError, match="syntax error"):
        list(reader.batches("delete from shop.sales returning *", {}))
    with pytest.raises(InputError, match="parameters can be bound on PostgreSQL and SQLite only"):
        reader.schema("select :x", {"x": 1})
