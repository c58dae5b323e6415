"""The sql source on SQLite, and what it refuses before any database is asked. PostgreSQL: test_postgres.py."""

import sqlite3
from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path

import polars as pl
import pytest

from forecasting.errors import InputError
from forecasting.sources import SqlSource, databases
from forecasting.sources.databases import placed
from forecasting.sources.secrets import resolved_url

QUERY = "select * from sales"


def write(folder: Path, rows: Sequence[tuple[object, ...]], columns: str = "unique_id text, ds text, y real") -> str:
    file = folder / "shop.db"
    with sqlite3.connect(file) as connection:
        connection.execute(f"create table sales ({columns})")
        connection.executemany(f"insert into sales values ({', '.join('?' * len(rows[0]))})", rows)
    connection.close()
    return f"sqlite:///{file}"


def test_dates_that_sqlite_holds_as_text_become_dates(tmp_path: Path):
    url = write(tmp_path, [("a", "2024-01-01", 1.5), ("a", "2024-01-02", None)])
    assert SqlSource(url, table="sales").read().rows() == [("a", date(2024, 1, 1), 1.5), ("a", date(2024, 1, 2), None)]


@pytest.mark.parametrize(
    ("text", "ds_format", "stamp"),
    [
        ("2024-01-01 06:30:00", None, datetime(2024, 1, 1, 6, 30)),
        ("2024-01-01T06:30", None, datetime(2024, 1, 1, 6, 30)),
        ("31.12.2024", "%d.%m.%Y", date(2024, 12, 31)),
        ("week 1", None, "week 1"),
    ],
)
def test_stamps_are_parsed_by_their_format_or_as_iso(text: str, ds_format: str | None, stamp: object, tmp_path: Path):
    url = write(tmp_path, [("a", text, 1.0)])
    assert SqlSource(url, table="sales", ds_format=ds_format).read()["ds"].to_list() == [stamp]


def test_a_later_stamp_that_does_not_follow_is_an_error_and_never_a_null(tmp_path: Path):
    url = write(tmp_path, [("a", "2024-01-01", 1.0), ("a", "1.2.2024", 1.0)])
    with pytest.raises(InputError, match=r"1\.2\.2024"):
        SqlSource(url, table="sales").read()


def test_columns_are_renamed_and_wide_tables_unpivoted(tmp_path: Path):
    url = write(tmp_path, [("2024-01-01", 1.0, 2.0, "x")], "day text, north real, south real, note text")
    source = SqlSource(url, table="sales", columns={"ds": "day"}, layout="wide", ignore=["note"])
    assert source.read().rows() == [("north", date(2024, 1, 1), 1.0), ("south", date(2024, 1, 1), 2.0)]


def test_parameters_are_bound_and_never_code(tmp_path: Path):
    url = write(tmp_path, [("a", "2024-01-01", 1.0), ("b'; drop table sales; --", "2024-01-02", 2.0)])
    query = QUERY + " where unique_id = :shop and ds >= :since and :shop <> ':since'"
    wanted = {"shop": "b'; drop table sales; --", "since": date(2024, 1, 1)}
    assert SqlSource(url, query=query, parameters=wanted).read()["y"].to_list() == [2.0]


def test_numbers_whose_type_changes_late_meet_as_fractions(tmp_path: Path):
    url = write(tmp_path, [("a", i, i if i < 3000 else i + 0.5) for i in range(4000)], "unique_id, ds, y")
    assert SqlSource(url, table="sales").read()["y"].to_list()[2999:3001] == [2999.0, 3000.5]


def test_text_among_numbers_is_an_error_and_never_a_null(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(databases, "_SQLITE_ROWS", 2)
    url = write(tmp_path, [("a", 1, 1), ("a", 2, 2), ("a", 3, "oops")], "unique_id, ds, y")
    with pytest.raises(InputError, match=r"expected INT64 but got STRING.*or cast the column"):
        SqlSource(url, table="sales").read()


def test_the_file_is_opened_read_only(tmp_path: Path):
    url = write(tmp_path, [("a", 1, 1.0)])
    before = (tmp_path / "shop.db").read_bytes()
    with pytest.raises(InputError, match="readonly database"):
        SqlSource(url, query="with x as (select 1) delete from sales returning *").read()
    assert (tmp_path / "shop.db").read_bytes() == before


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"query": "select 1; select 2"}, "must be one statement, got several"),
        ({"query": "select ';' ; -- done;\n drop table sales"}, "must be one statement, got several"),
        ({"query": "delete from sales"}, "must only read, got one that starts with 'delete from sales'"),
        ({"query": "/* select */ attach 'x.db' as x"}, "must only read"),
        ({"query": ""}, "must only read"),
        ({"query": "select :a", "parameters": {"b": 1}}, r"got none for \['a'\] and unused \['b'\]"),
        ({"table": "sales", "parameters": {"b": 1}}, "parameters belong to a query"),
        ({"table": "sales", "query": QUERY}, "a table or a query, got both"),
        ({}, "a table or a query, got neither"),
    ],
)
def test_what_is_no_single_query_that_reads_is_refused(settings: dict[str, object], message: str):
    with pytest.raises(InputError, match=message):
        SqlSource("sqlite:///shop.db", **settings)  # type: ignore[arg-type]


@pytest.mark.parametrize("query", ["select 1;", "-- why\n(select ';--')", "with x as (select 1) select * from x ; "])
def test_one_query_that_reads_is_accepted(query: str):
    assert SqlSource("sqlite:///shop.db", query=query).query == query


def test_placeholders_stand_where_parameters_were():
    query = (
        "select ':no', a::text, \"x:no\", $$ :no $$, b[1:n] /* :no */ from t where a = :one and b = :two or c = :one;"
    )
    text, names = placed(query, "$")
    assert names == ["one", "two"]
    assert text.endswith("where a = $1 and b = $2 or c = $1")
    assert text.startswith("select ':no', a::text, \"x:no\", $$ :no $$, b[1:n] /* :no */")


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me:hunter2@db/x",
        "postgresql://me:hunter2${X}@db/x",
        "postgresql://db/x?password=hunter2",
        "mysql://me:hunter2:${X}@db",
    ],
)
def test_a_password_that_is_written_out_is_refused_and_not_repeated(url: str):
    with pytest.raises(InputError, match="must come from the environment") as caught:
        SqlSource(url, table="sales")
    assert "hunter2" not in str(caught.value)


def test_a_variable_that_is_not_set_is_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("SHOP_PASSWORD", raising=False)
    with pytest.raises(InputError, match=r"variable SHOP_PASSWORD must be set, since data\.source\.url names it"):
        SqlSource("postgresql://me:${SHOP_PASSWORD}@db/x", table="sales").scan()


def test_any_password_fits_into_a_url_and_none_is_told(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PW", "p@ss/w:rd?#")
    url = resolved_url("postgresql://me:${PW}@db:1/x?password=${PW}", "here")
    assert url.text == "postgresql://me:p%40ss%2Fw%3Ard%3F%23@db:1/x?password=p%40ss%2Fw%3Ard%3F%23"
    assert url.clean(f"no {url.text}") == "no postgresql://me:***@db:1/x?password=***"
    assert "p@ss" not in repr(url)


def test_a_file_that_is_not_there_or_no_database_is_an_input_error(tmp_path: Path):
    with pytest.raises(InputError, match=r"must name a file that exists, got .*none\.db"):
        SqlSource(f"sqlite:///{tmp_path}/none.db", table="sales").read()
    (tmp_path / "text.db").write_text("unique_id,ds,y\n" * 100)
    with pytest.raises(InputError, match="file is not a database"):
        SqlSource(f"sqlite:///{tmp_path}/text.db", table="sales").read()


def test_tables_and_columns_that_are_not_there_are_input_errors(tmp_path: Path):
    url = write(tmp_path, [("a", 1, 1.0)])
    with pytest.raises(InputError, match="no such table: nothing"):
        SqlSource(url, table="nothing").read()
    with pytest.raises(InputError, match=r"column 'sold' \(for y\) must be in the source"):
        SqlSource(url, table="sales", columns={"y": "sold"}).read()


def test_a_database_that_nothing_here_reads_is_refused_with_the_list():
    with pytest.raises(InputError, match=r"must be one of .*mysql.*postgresql.*, got 'foo'"):
        SqlSource("foo://host/x", table="sales").scan()


def test_a_variable_that_holds_no_url_is_not_repeated(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DATABASE_URL", "hunter2")
    with pytest.raises(InputError, match="must be one of") as caught:
        SqlSource("${DATABASE_URL}", table="sales").scan()
    assert "hunter2" not in str(caught.value)


def test_without_its_package_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    url = write(tmp_path, [("a", 1, 1.0)])
    monkeypatch.setitem(__import__("sys").modules, "adbc_driver_sqlite.dbapi", None)
    with pytest.raises(InputError, match=r"package adbc_driver_sqlite.*pip install 'forecasting\[sql\]'"):
        SqlSource(url, table="sales").read()


def test_an_answer_without_rows_is_an_input_error(tmp_path: Path):
    url = write(tmp_path, [("a", 1, 1.0)])
    with pytest.raises(InputError, match="must have rows, got none"):
        SqlSource(url, query=QUERY + " where y > 5").read()


def test_where_rows_came_from_is_told_as_the_config_has_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SHOP", write(tmp_path, [("a", 1, 1.0)]))
    url = "${SHOP}"
    scan = SqlSource(url, table="sales").scan()
    assert scan.provenance == {"kind": "sql", "url": url, "table": "sales", "query": None}
    assert scan.fingerprint is None
    assert scan.rows.select(pl.len()).collect().item() == 1
