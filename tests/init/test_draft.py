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


def test_data_that_is_not_there_is_refused():
    with pytest.raises(InputError, match="a path that exists"):
        draft("nowhere.csv")
