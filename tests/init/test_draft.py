import sqlite3
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import yaml

from forecasting.config import parse_config
from forecasting.errors import InputError
from forecasting.init.draft import draft, write_new


def shop_rows() -> pl.DataFrame:
    days = [date(2023, 1, 2) + timedelta(days=i) for i in range(120)]
    rng = np.random.default_rng(5)
    rows = [
        {"Datum": d, "Laden": shop, "Umsatz": 5 + i % 7 + rng.random(), "typ": "gross" if shop == "a" else "klein"}
        for shop in "abc"
        for i, d in enumerate(days)
    ]
    return pl.DataFrame(rows)


COLUMNS = {"ds": "Datum", "unique_id": "Laden", "y": "Umsatz"}


def test_a_config_of_five_lines_is_written_and_accepted(tmp_path: Path):
    shop_rows().write_csv(tmp_path / "sales.csv", separator=";")
    name, text = draft(str(tmp_path / "sales.csv"), COLUMNS)
    config = parse_config(yaml.safe_load(text))
    assert (name, config.data.freq, config.data.season_length, config.task.horizon) == ("sales", "1d", 7, 14)
    assert "# covariates: {static: [typ]}" in text
    assert config.data.source.kind == "csv"


def test_roles_are_recognised_by_type_where_names_say_nothing(tmp_path: Path):
    shop_rows().drop("typ").write_parquet(tmp_path / "sales.parquet")
    _, text = draft(str(tmp_path / "sales.parquet"))
    assert yaml.safe_load(text)["data"]["source"]["columns"] == COLUMNS


def test_a_column_per_series_is_a_wide_table(tmp_path: Path):
    wide = shop_rows().pivot("Laden", index="Datum", values="Umsatz").rename({"Datum": "date"})
    wide.write_csv(tmp_path / "wide.csv")
    _, text = draft(str(tmp_path / "wide.csv"))
    assert yaml.safe_load(text)["data"]["source"]["layout"] == "wide"


def test_what_stays_open_is_asked_for_by_name(tmp_path: Path):
    shop_rows().with_columns(other=pl.lit("x")).write_csv(tmp_path / "sales.csv")
    with pytest.raises(InputError, match=r"unique_id must be recognised.*--column unique_id=NAME"):
        draft(str(tmp_path / "sales.csv"))


def test_a_config_is_never_overwritten(tmp_path: Path):
    name, text = draft("builtin:elnino")
    path = write_new(name, text, tmp_path / "elnino.yaml")
    assert parse_config(yaml.safe_load(path.read_text())).data.season_length == 12
    with pytest.raises(InputError, match="never overwritten"):
        write_new(name, "other", path)
    assert path.read_text() == text


def test_data_that_is_not_there_is_refused_with_what_can_be_given():
    with pytest.raises(InputError, match=r"must exist, got 'nowhere.csv'.*a \.parquet file.*builtin:NAME"):
        draft("nowhere.csv")


@pytest.mark.parametrize("place", ["ftp://host/x", "notes.docx"])
def test_data_of_no_kind_is_refused_with_what_can_be_given(place: str, tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "notes.docx").write_text("x")
    with pytest.raises(InputError, match=rf"a Delta table.*got '{place}'"):
        draft(place)


def test_a_folder_of_two_kinds_of_files_is_refused(tmp_path: Path):
    shop_rows().write_csv(tmp_path / "a.csv")
    shop_rows().write_parquet(tmp_path / "b.parquet")
    with pytest.raises(InputError, match="one kind of files, got csv and parquet"):
        draft(str(tmp_path))


def test_a_table_of_a_database_becomes_a_config_that_reads_it(tmp_path: Path):
    place = f"sqlite:///{tmp_path}/shop.db"
    rows = shop_rows().with_columns(pl.col("Datum").cast(pl.String))
    with closing(sqlite3.connect(tmp_path / "shop.db")) as connection, connection:
        connection.execute("create table sales (Datum text, Laden text, Umsatz real, typ text)")
        connection.executemany("insert into sales values (?, ?, ?, ?)", rows.rows())
    name, text = draft(f"{place}#sales", COLUMNS)
    source = yaml.safe_load(text)["data"]["source"]
    assert (name, source) == ("shop", {"kind": "sql", "url": place, "table": "sales", "columns": COLUMNS})
    with pytest.raises(InputError, match=r"with a table, got sqlite.*: give URL#TABLE"):
        draft(place)


def test_simulated_data_take_a_seed():
    assert yaml.safe_load(draft("simulated:11")[1])["data"]["source"] == {"kind": "simulated", "seed": 11}
    with pytest.raises(InputError, match="whole number, got 'x'"):
        draft("simulated:x")
