"""Every kind of source keeps the same promises; a new kind needs one row in EXAMPLES."""

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest
from pydantic import TypeAdapter, ValidationError

import forecasting.sources
from forecasting.errors import InputError
from forecasting.freq import parse_freq
from forecasting.series.checks.quality import QualitySettings, check_series
from forecasting.sources import (
    SOURCES,
    BuiltinSource,
    CsvSource,
    DeltaSource,
    ParquetSource,
    SimulatedSource,
    Source,
    SqlSource,
    TsfSource,
)


def _table() -> pl.DataFrame:
    days = [date(2024, 1, day) for day in (1, 2, 3)]
    return pl.DataFrame({"unique_id": ["a"] * 3 + ["b"] * 3, "ds": days * 2, "y": [1.0, 2.0, None, 4.0, 5.0, 6.0]})


def _csv(folder: Path) -> CsvSource:
    _table().write_csv(folder / "table.csv")
    return CsvSource(path=str(folder / "table.csv"))


def _parquet(folder: Path) -> ParquetSource:
    _table().write_parquet(folder / "table.parquet")
    return ParquetSource(path=str(folder / "table.parquet"))


def _sql(folder: Path) -> SqlSource:
    rows = _table().with_columns(pl.col("ds").cast(pl.String)).rows()
    with closing(sqlite3.connect(folder / "table.db")) as connection, connection:
        connection.execute("create table if not exists sales (unique_id text, ds text, y real)")
        connection.execute("delete from sales")
        connection.executemany("insert into sales values (?, ?, ?)", rows)
    return SqlSource(url=f"sqlite:///{folder}/table.db", table="sales")


def _delta(folder: Path) -> DeltaSource:
    _table().write_delta(folder / "table", mode="append" if (folder / "table").exists() else "error")
    return DeltaSource(path=str(folder / "table"))


def _tsf(folder: Path) -> TsfSource:
    header = "@attribute series_name string\n@attribute start date\n@frequency daily\n@data\n"
    (folder / "table.tsf").write_text(header + "a:2024-01-01 00-00-00:1,2,?\nb:2024-01-01 00-00-00:4,5,6\n")
    return TsfSource(path=str(folder / "table.tsf"))


EXAMPLES: dict[str, Callable[[Path], Source]] = {
    "csv": _csv,
    "parquet": _parquet,
    "delta": _delta,
    "sql": _sql,
    "tsf": _tsf,
    "builtin": lambda _: BuiltinSource("co2"),
    "simulated": lambda _: SimulatedSource(n_series=3, n_days=30, horizon_rows=5),
}
FREQS = {"builtin": "1w"}
PLACES: dict[str, Callable[[Path], str]] = {  # how a person names the examples
    "csv": lambda folder: f"{folder}/table.csv",
    "parquet": lambda folder: f"{folder}/table.parquet",
    "delta": lambda folder: f"{folder}/table",
    "sql": lambda folder: f"sqlite:///{folder}/table.db#sales",
    "tsf": lambda folder: f"{folder}/table.tsf",
    "builtin": lambda _: "builtin:co2",
    "simulated": lambda _: "simulated:11",
}


def test_every_kind_has_an_example_and_a_file_of_its_name():
    assert set(EXAMPLES) == set(SOURCES)
    folder = Path(forecasting.sources.__path__[0])
    assert all((folder / f"{kind}.py").is_file() for kind in SOURCES)


@pytest.mark.parametrize("kind", SOURCES)
def test_its_own_file_recognises_an_input_and_no_other_does(kind: str, tmp_path: Path):
    EXAMPLES[kind](tmp_path)
    place = PLACES[kind](tmp_path)
    found = {name: made for name, source in SOURCES.items() if (made := source.recognised(place))}
    assert list(found) == [kind]
    assert SOURCES[kind].looks_like
    settings, head = found[kind].settings, found[kind].head
    read = SOURCES[kind](**settings).read()
    assert not head.width or set(read.columns) <= set(head.columns)


@pytest.mark.parametrize("kind", SOURCES)
def test_a_source_reads_a_long_frame_with_unique_keys(kind: str, tmp_path: Path):
    source = EXAMPLES[kind](tmp_path)
    frame = source.read()
    assert source.kind == kind
    assert type(source) is SOURCES[kind]
    assert frame.columns[:3] == ["unique_id", "ds", "y"]
    assert frame.schema["unique_id"] == pl.String
    assert frame.height > 0
    assert not frame.select("unique_id", "ds").is_duplicated().any()


@pytest.mark.parametrize("kind", SOURCES)
def test_reading_twice_gives_the_same_rows(kind: str, tmp_path: Path):
    source = EXAMPLES[kind](tmp_path)
    assert source.read().equals(source.read())


@pytest.mark.parametrize("kind", SOURCES)
def test_what_a_source_reads_passes_the_quality_checks(kind: str, tmp_path: Path):
    frame = EXAMPLES[kind](tmp_path).read()
    settings, now = QualitySettings(max_gap=None), datetime(2026, 1, 1, tzinfo=UTC)
    checked = check_series(frame, parse_freq(FREQS.get(kind, "1d")), settings, [], [], [], now)
    assert checked.n_quarantined == 0
    assert checked.frame.height == frame.height


@pytest.mark.parametrize("kind", SOURCES)
def test_a_config_names_a_source_by_its_kind_and_unknown_keys_are_refused(kind: str, tmp_path: Path):
    source = EXAMPLES[kind](tmp_path)
    adapter: TypeAdapter[Source] = TypeAdapter(Source)
    raw = TypeAdapter(SOURCES[kind]).dump_python(source)
    assert adapter.validate_python(raw) == source
    assert adapter.validate_python(TypeAdapter(SOURCES[kind]).dump_python(source, mode="json")) == source
    with pytest.raises(ValidationError, match="surprise"):
        TypeAdapter(SOURCES[kind]).validate_python(raw | {"surprise": 1})


@pytest.mark.parametrize("kind", SOURCES)
def test_a_scan_has_the_rows_of_a_read_in_any_way_that_polars_collects(kind: str, tmp_path: Path):
    source = EXAMPLES[kind](tmp_path)
    scan, frame = source.scan(), source.read()
    assert scan.rows.collect_schema() == frame.schema
    assert scan.rows.collect(engine="streaming").equals(frame)
    assert pl.concat(scan.rows.collect_batches(chunk_size=7)).equals(frame)
    assert scan.rows.select("y").head(2).collect().equals(frame.select("y").head(2))
    some = pl.col("unique_id") == frame["unique_id"][0]
    assert scan.rows.filter(some).select("ds").collect().equals(frame.filter(some).select("ds"))


@pytest.mark.parametrize("kind", SOURCES)
def test_a_fingerprint_stays_while_the_input_does_and_a_provenance_is_json(kind: str, tmp_path: Path):
    source = EXAMPLES[kind](tmp_path)
    first, second = source.scan(), source.scan()
    assert first.fingerprint == second.fingerprint
    assert json.loads(json.dumps(first.provenance)) == second.provenance
    assert first.provenance["kind"] == kind


@pytest.mark.parametrize("kind", SOURCES)
def test_a_column_that_is_needed_and_not_there_is_an_input_error(kind: str, tmp_path: Path):
    with pytest.raises(InputError, match=r"'warehouse'.*must be in the source"):
        EXAMPLES[kind](tmp_path).scan(["unique_id", "ds", "warehouse"])


@pytest.mark.parametrize("kind", sorted(set(SOURCES) - {"builtin", "simulated", "sql"}))
def test_a_changed_input_has_another_fingerprint(kind: str, tmp_path: Path):
    first = EXAMPLES[kind](tmp_path).scan().fingerprint
    second = EXAMPLES[kind](tmp_path).scan().fingerprint
    assert first != second
