import gzip
from datetime import date, datetime
from pathlib import Path

import polars as pl
import pytest

from forecasting.errors import InputError
from forecasting.sources import CsvSource
from forecasting.sources.csv import SAMPLE


def write(folder: Path, text: str | bytes, name: str = "data.csv") -> str:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return str(path)


def test_renamed_columns_and_a_decimal_comma_after_a_byte_order_mark(tmp_path: Path):
    path = write(tmp_path, b"\xef\xbb\xbfshop;day;sold;price\r\na;2024-01-01;1,5;2\r\na;2024-01-02;;3\r\n")
    columns = {"unique_id": "shop", "ds": "day", "y": "sold"}
    frame = CsvSource(path, columns=columns, delimiter=";", decimal_comma=True).read()
    assert frame.rows() == [("a", date(2024, 1, 1), 1.5, 2), ("a", date(2024, 1, 2), None, 3)]
    assert frame.columns == ["unique_id", "ds", "y", "price"]


def test_ids_stay_text_even_where_they_look_like_numbers(tmp_path: Path):
    path = write(tmp_path, "unique_id,ds,y\n007,1,1\n7,1,2\n")
    assert CsvSource(path).read()["unique_id"].to_list() == ["007", "7"]


def test_a_column_of_our_name_gives_way_to_the_mapped_one(tmp_path: Path):
    path = write(tmp_path, "unique_id,ds,y,sold\na,1,9,1\n")
    assert CsvSource(path, columns={"y": "sold"}).read().to_dict(as_series=False) == {
        "y": [1],
        "unique_id": ["a"],
        "ds": [1],
    }


def test_other_encodings_null_texts_and_date_formats_are_declared(tmp_path: Path):
    path = write(tmp_path, "unique_id,ds,y\nKöln,31.12.2024,n/a\nKöln,1.1.2025,3\n".encode("latin-1"))
    frame = CsvSource(path, encoding="latin-1", null_values=["n/a"], ds_format="%d.%m.%Y").read()
    assert frame.rows() == [("Köln", date(2024, 12, 31), None), ("Köln", date(2025, 1, 1), 3)]


def test_a_format_with_hours_gives_times(tmp_path: Path):
    path = write(tmp_path, "unique_id,ds,y\na,01/02/2024 13:00,1\n")
    assert CsvSource(path, ds_format="%d/%m/%Y %H:%M").read()["ds"].to_list() == [datetime(2024, 2, 1, 13)]


def test_wide_files_have_one_column_per_series(tmp_path: Path):
    path = write(tmp_path, "day,north,south,comment\n2024-01-01,1,,x\n2024-01-02,2,4.5,y\n")
    frame = CsvSource(path, layout="wide", columns={"ds": "day"}, ignore=["comment"]).read()
    assert frame.sort("unique_id", "ds").rows() == [
        ("north", date(2024, 1, 1), 1.0),
        ("north", date(2024, 1, 2), 2.0),
        ("south", date(2024, 1, 1), None),
        ("south", date(2024, 1, 2), 4.5),
    ]


def test_wide_rows_files_have_one_row_per_series(tmp_path: Path):
    path = write(tmp_path, "country,code,2001,2002\nChad,TCD,6.5,\nPeru,PER,2.5,2.4\n")
    columns = {"unique_id": "country", "code": "code"}
    frame = CsvSource(path, layout="wide_rows", columns=columns).read().sort("unique_id", "ds")
    assert frame.rows() == [
        ("Chad", 2001, 6.5, "TCD"),
        ("Chad", 2002, None, "TCD"),
        ("Peru", 2001, 2.5, "PER"),
        ("Peru", 2002, 2.4, "PER"),
    ]


def test_wide_rows_files_may_be_dated(tmp_path: Path):
    path = write(tmp_path, "unique_id,2024-01-01,2024-02-01\na,1,2\n")
    assert CsvSource(path, layout="wide_rows").read()["ds"].to_list() == [date(2024, 1, 1), date(2024, 2, 1)]


def test_several_files_may_order_their_columns_differently(tmp_path: Path):
    write(tmp_path, "unique_id,ds,y\na,1,1\n", "1.csv")
    write(tmp_path, "y,unique_id,ds\n2.5,a,2\n", "2.csv")
    for path in (str(tmp_path), str(tmp_path / "*.csv")):
        assert CsvSource(path).read().rows() == [("a", 1, 1.0), ("a", 2, 2.5)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty file"),
        ("unique_id,ds,y\n", "must have rows, got none"),
        ("unique_id,ds\na,1\n", r"column 'y' \(for y\) must be in the source, it has 'unique_id', 'ds'"),
        ("unique_id,ds,y\na,1,2,3\n", "readable"),
        (b"unique_id,ds,y\n\xff\xfe,1,2\n", "utf-8"),
    ],
)
def test_what_cannot_be_read_is_an_input_error(text: str | bytes, message: str, tmp_path: Path):
    with pytest.raises(InputError, match=message):
        CsvSource(write(tmp_path, text)).read()


def test_a_path_without_files_is_an_input_error(tmp_path: Path):
    for path in (tmp_path, tmp_path / "none.csv", tmp_path / "*.csv"):
        with pytest.raises(InputError, match=r"set data\.source\.path"):
            CsvSource(str(path)).read()


def test_files_with_different_columns_are_refused(tmp_path: Path):
    write(tmp_path, "unique_id,ds,y\na,1,1\n", "1.csv")
    write(tmp_path, "unique_id,ds,z\na,1,1\n", "2.csv")
    with pytest.raises(InputError, match=r"got .*1\.csv without 'z', which .*2\.csv has"):
        CsvSource(str(tmp_path)).read()


def test_text_among_the_values_of_a_wide_file_is_refused(tmp_path: Path):
    path = write(tmp_path, "ds,a,b\n1,1,oops\n")
    with pytest.raises(InputError, match=r"data\.csv: could not parse `oops` as dtype `f64` at column 'b'"):
        CsvSource(path, layout="wide").read()


def test_stamps_that_do_not_follow_the_format_are_refused(tmp_path: Path):
    path = write(tmp_path, "unique_id,ds,y\na,2024-01-01,1\n")
    with pytest.raises(
        InputError, match=r"data\.csv: conversion .* failed in column 'ds'.*2024-01-01.*set data\.source .*ds_format"
    ):
        CsvSource(path, ds_format="%d.%m.%Y").read()


@pytest.mark.parametrize("settings", [{"delimiter": ";;"}, {"decimal_comma": True}])
def test_delimiters_that_cannot_work_are_refused(settings: dict[str, object]):
    with pytest.raises(InputError, match="delimiter must"):
        CsvSource("data.csv", **settings)  # type: ignore[arg-type]


def test_not_a_number_is_read_as_such_and_left_to_the_quality_checks(tmp_path: Path):
    frame = CsvSource(write(tmp_path, "unique_id,ds,y\na,1,NaN\na,2,inf\n")).read()
    assert frame.schema["y"] == pl.Float64
    assert frame["y"].is_nan().to_list() == [True, False]


@pytest.mark.parametrize(
    ("early", "late", "kind"),
    [
        ("1", "2.5", pl.Float64),
        ("1", "", pl.Int64),
        ("1.5", "oops", pl.String),
        ("", "2.5", pl.Float64),
        ("", "7", pl.Int64),
        ("", "2024-01-31", pl.Date),
        ("", "", pl.String),
        ("", "x", pl.String),
        ("2024-01-31", "2024-01-31 06:00:00", pl.Datetime("us")),
        ("2024-01-31", "soon", pl.String),
        ("true", "maybe", pl.String),
        ("1", "99999999999999999999", pl.Float64),
    ],
)
def test_the_type_of_a_column_holds_its_last_value_too(early: str, late: str, kind: pl.DataType, tmp_path: Path):
    lines = [f"a,{i},1,{early}" for i in range(SAMPLE + 500)] + [f"a,{SAMPLE + 500},1,{late}"]
    path = write(tmp_path, "unique_id,ds,y,x\n" + "\n".join(lines) + "\n")
    x = CsvSource(path).read()["x"]
    assert x.dtype == kind
    assert x.null_count() == (early == "") * (SAMPLE + 500) + (late == "")


def test_a_decimal_comma_late_in_a_file_is_a_fraction(tmp_path: Path):
    text = "unique_id;ds;y\n" + "".join(f"a;{i};1\n" for i in range(SAMPLE + 1)) + "a;99999;1,5\n"
    frame = CsvSource(write(tmp_path, text), delimiter=";", decimal_comma=True).read()
    assert (frame.schema["y"], frame["y"][-1]) == (pl.Float64, 1.5)


def test_a_column_that_is_empty_in_one_file_takes_the_type_of_the_others(tmp_path: Path):
    write(tmp_path, "unique_id,ds,y\na,2024-01-01,\n", "1.csv")
    write(tmp_path, "y,unique_id,ds\n1.5,a,2024-01-02\n", "2.csv")
    assert CsvSource(str(tmp_path)).read()["y"].to_list() == [None, 1.5]


def test_text_among_the_numbers_of_one_file_names_file_value_and_column(tmp_path: Path):
    write(tmp_path, "unique_id,ds,y\na,1,2.5\n", "1.csv")
    write(tmp_path, "unique_id,ds,y\na,2,oops\n", "2.csv")
    with pytest.raises(InputError, match=r"2\.csv: could not parse `oops` as dtype `f64` at column 'y'.*null_values"):
        CsvSource(str(tmp_path)).read()


def test_files_with_other_columns_may_be_filled_or_cut(tmp_path: Path):
    write(tmp_path, "unique_id,ds,y,price\na,1,1,5\n", "1.csv")
    write(tmp_path, "unique_id,ds,y\na,2,2\n", "2.csv")
    assert CsvSource(str(tmp_path), differing_columns="fill").read()["price"].to_list() == [5, None]
    assert CsvSource(str(tmp_path), differing_columns="drop").read().columns == ["unique_id", "ds", "y"]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252", "latin-1", "iso8859-15"])
def test_texts_of_any_encoding_are_read_with_their_line_ends(encoding: str, tmp_path: Path):
    text = "unique_id;ds;y\r\nÜber größe;2024-01-01;1,5\r\n"
    path = write(tmp_path, text.encode(encoding))
    frame = CsvSource(path, delimiter=";", decimal_comma=True, encoding=encoding).read()
    assert frame.rows() == [("Über größe", date(2024, 1, 1), 1.5)]


def test_compressed_files_are_read_as_they_are(tmp_path: Path):
    write(tmp_path, gzip.compress(b"unique_id,ds,y\na,1,1\n"), "1.csv.gz")
    write(tmp_path, gzip.compress("unique_id,ds,y\nä,2,2\n".encode("latin-1")), "2.txt.gz")
    assert CsvSource(str(tmp_path)).read().rows() == [("a", 1, 1)]
    assert CsvSource(str(tmp_path / "2.txt.gz"), encoding="latin-1").read().rows() == [("ä", 2, 2)]


def test_quoted_fields_hold_delimiters_and_line_breaks(tmp_path: Path):
    path = write(tmp_path, 'unique_id,ds,y\n"a,""b""\nc",1,2\n')
    assert CsvSource(path).read().rows() == [('a,"b"\nc', 1, 2)]


def test_empty_columns_of_a_wide_file_are_series_without_values(tmp_path: Path):
    path = write(tmp_path, "ds,a,b\n1,1,\n2,2,\n")
    frame = CsvSource(path, layout="wide").read()
    assert frame.filter(unique_id="b")["y"].to_list() == [None, None]


def test_a_file_of_the_wrong_delimiter_lists_what_it_has(tmp_path: Path):
    path = write(tmp_path, "unique_id;ds;y\na;1;2\n")
    with pytest.raises(InputError, match=r"it has 'unique_id;ds;y'.*delimiter"):
        CsvSource(path).read()


@pytest.mark.parametrize("stamp", ["01/02/2024", "31.12.2024", "2024/12/31", "01/02/2024 06:00:00"])
def test_stamps_that_could_mean_several_days_need_a_format(stamp: str, tmp_path: Path):
    path = write(tmp_path, f"unique_id,ds,y\na,{stamp},1\n")
    with pytest.raises(InputError, match=rf"ISO .* got '{stamp}' in .*data\.csv: set data\.source\.ds_format"):
        CsvSource(path).read()


@pytest.mark.parametrize(
    "stamp", ["2024-12-31", "2024-12-31 06:00:00", "2024-12-31T06:00:00.123", "2024-12-31T06:00:00Z"]
)
def test_iso_stamps_need_none(stamp: str, tmp_path: Path):
    ds = CsvSource(write(tmp_path, f"unique_id,ds,y\na,{stamp},1\n")).read()["ds"]
    assert ds.dt.date().to_list() == [date(2024, 12, 31)]


def test_an_unknown_encoding_is_refused():
    with pytest.raises(InputError, match=r"encoding must be one that Python knows .* got 'klingon'"):
        CsvSource("data.csv", encoding="klingon")


def test_a_source_of_covariates_needs_no_y(tmp_path: Path):
    path = write(tmp_path, "unique_id,ds,price\na,1,2\n")
    assert CsvSource(path).read(["unique_id", "ds"]).rows() == [("a", 1, 2)]
