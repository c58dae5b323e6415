"""The tsf source on files written by hand after the description of the Monash forecasting archive."""

from datetime import date, datetime
from pathlib import Path

import polars as pl
import pytest

from forecasting.errors import InputError
from forecasting.sources import TsfSource

MONTHLY = """# Two series of one relation
@relation m
@attribute series_name string
@attribute start_timestamp date
@frequency monthly
@horizon 6
@missing true
@equallength false
@data
T1:2020-11-01 00-00-00:1,?,3.5
T2:1999-01-01 00-00-00:-4
"""


def write(folder: Path, text: str, name: str = "data.tsf", encoding: str = "utf8") -> str:
    (folder / name).write_text(text, encoding=encoding)
    return str(folder / name)


def test_a_line_is_a_series_counted_from_its_start(tmp_path: Path):
    source = TsfSource(write(tmp_path, MONTHLY))
    assert source.read().rows() == [
        ("T1", date(2020, 11, 1), 1.0),
        ("T1", date(2020, 12, 1), None),
        ("T1", date(2021, 1, 1), 3.5),
        ("T2", date(1999, 1, 1), -4.0),
    ]
    told = source.scan().provenance
    assert (told["frequency"], told["horizon"], told["n_files"]) == ("monthly", 6, 1)


def test_without_start_stamps_steps_are_counted_from_one(tmp_path: Path):
    frame = TsfSource(write(tmp_path, "@attribute series_name string\n@data\nT1:5,6\n\nT2:7\n")).read()
    assert frame.rows() == [("T1", 1, 5.0), ("T1", 2, 6.0), ("T2", 1, 7.0)]
    assert frame.schema["ds"] == pl.Int64


def test_without_attributes_series_are_numbered(tmp_path: Path):
    write(tmp_path, "@frequency yearly\n@data\n5,6\n7\n", "1.tsf")
    write(tmp_path, "@data\n8\n", "2.tsf")
    assert TsfSource(str(tmp_path)).read()["unique_id"].to_list() == ["T1", "T1", "T2", "T3"]


PANEL = """@attribute state string
@attribute store string
@attribute size numeric
@attribute opened date
@frequency half_hourly
@data
NSW:s1:12.5:2020-01-01 23-30-00:1,2
VIC:s1:7:2021-06-30 00-00-00:3
"""


def test_several_attributes_make_the_id_and_stay_as_columns(tmp_path: Path):
    frame = TsfSource(write(tmp_path, PANEL)).read()
    assert frame.columns == ["unique_id", "ds", "y", "state", "store", "size"]
    assert frame.rows() == [
        ("NSW/s1", datetime(2020, 1, 1, 23, 30), 1.0, "NSW", "s1", 12.5),
        ("NSW/s1", datetime(2020, 1, 2, 0, 0), 2.0, "NSW", "s1", 12.5),
        ("VIC/s1", datetime(2021, 6, 30), 3.0, "VIC", "s1", 7.0),
    ]


def test_the_id_may_be_named_and_attributes_renamed(tmp_path: Path):
    frame = TsfSource(write(tmp_path, PANEL), id=["state"], columns={"area": "size"}).read()
    assert frame.columns == ["unique_id", "ds", "y", "area", "store"]
    assert frame["unique_id"].to_list() == ["NSW", "NSW", "VIC"]


@pytest.mark.parametrize(
    ("frequency", "second", "third"),
    [
        ("yearly", date(2021, 1, 31), date(2022, 1, 31)),
        ("quarterly", date(2020, 4, 30), date(2020, 7, 31)),
        ("monthly", date(2020, 2, 29), date(2020, 3, 31)),
        ("weekly", date(2020, 2, 7), date(2020, 2, 14)),
        ("daily", date(2020, 2, 1), date(2020, 2, 2)),
        ("hourly", datetime(2020, 1, 31, 1), datetime(2020, 1, 31, 2)),
        ("half_hourly", datetime(2020, 1, 31, 0, 30), datetime(2020, 1, 31, 1)),
        ("10_minutes", datetime(2020, 1, 31, 0, 10), datetime(2020, 1, 31, 0, 20)),
        ("minutely", datetime(2020, 1, 31, 0, 1), datetime(2020, 1, 31, 0, 2)),
        ("4_seconds", datetime(2020, 1, 31, 0, 0, 4), datetime(2020, 1, 31, 0, 0, 8)),
    ],
)
def test_every_frequency_of_the_archive_steps_by_the_calendar(
    frequency: str, second: date, third: date, tmp_path: Path
):
    text = MONTHLY.replace("monthly", frequency).replace("2020-11-01", "2020-01-31")
    ds = TsfSource(write(tmp_path, text)).read()["ds"]
    assert ds.to_list()[1:3] == [second, third]


def test_daily_series_that_start_within_a_day_keep_the_time(tmp_path: Path):
    text = MONTHLY.replace("monthly", "daily").replace("1999-01-01 00-00-00", "1999-01-01 06-00-00")
    assert TsfSource(write(tmp_path, text)).read()["ds"].to_list()[3] == datetime(1999, 1, 1, 6)


def test_other_encodings_are_declared(tmp_path: Path):
    path = write(tmp_path, MONTHLY.replace("T1", "Köln"), encoding="cp1252")
    assert TsfSource(path, encoding="cp1252").read()["unique_id"][0] == "Köln"
    with pytest.raises(InputError, match=r"data\.tsf: 'utf-8' codec.*encoding"):
        TsfSource(path).read()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("3.5", "x", r"line 10: .*`str` to `f64`.*\"x\""),
        (":-4", ":", r"line 11: .*`f64`"),
        ("T2:", "", r"(line 11: )?.*must have 2 attributes and its values, got 2 parts"),
        ("1999-01-01 00-00-00", "1999-13-01 00-00-00", r"line 11: .*1999-13-01"),
        ("@data\n", "", r"before @data must start with @ or #, got 'T1:2020"),
        ("@frequency monthly", "@frequency fortnightly", r"@frequency .* got 'fortnightly'"),
        ("@frequency monthly", "", "@frequency .* got None"),
        ("series_name string", "series_name text", "one of string, numeric, date, got '@attribute series_name text'"),
        ("series_name string", "series_name date", "one date attribute at most"),
        ("series_name string", "y string", "must not be named like a key, got y"),
    ],
)
def test_what_breaks_the_format_is_named_with_its_place(old: str, new: str, message: str, tmp_path: Path):
    with pytest.raises(InputError, match=message):
        TsfSource(write(tmp_path, MONTHLY.replace(old, new))).read()


def test_many_series_come_in_pieces(tmp_path: Path):
    lines = "".join(f"T{i}:2020-01-01 00-00-00:{i},{i + 0.5}\n" for i in range(2500))
    scan = TsfSource(write(tmp_path, MONTHLY.split("T1:")[0] + lines)).scan()
    whole = scan.collect()
    assert (whole.height, whole["y"].sum()) == (5000, sum(2 * i + 0.5 for i in range(2500)))
    assert scan.rows.select("unique_id").tail(1).collect().item() == "T2499"


def test_settings_that_cannot_work_are_refused(tmp_path: Path):
    with pytest.raises(InputError, match="encoding must be one that Python knows"):
        TsfSource("x.tsf", encoding="klingon")
    with pytest.raises(InputError, match=r"set data\.source\.id"):
        TsfSource("x.tsf", columns={"unique_id": "series_name"})
    with pytest.raises(InputError, match="has 'series_name', 'start_timestamp', got 'shop'"):
        TsfSource(write(tmp_path, MONTHLY), id=["shop"]).scan()


def test_files_of_other_attributes_do_not_mix(tmp_path: Path):
    write(tmp_path, MONTHLY, "1.tsf")
    write(tmp_path, PANEL, "2.tsf")
    with pytest.raises(InputError, match=r"same attributes.*2\.tsf"):
        TsfSource(str(tmp_path)).scan()
