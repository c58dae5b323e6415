from datetime import date, datetime
from pathlib import Path

import polars as pl
import pytest

from forecasting.errors import InputError
from forecasting.sources import ParquetSource

FRAME = pl.DataFrame({"unique_id": ["a", "b"], "ds": [1, 1], "y": [1.0, 2.0]})


def test_a_file_a_folder_and_a_glob_read_the_same(tmp_path: Path):
    FRAME.head(1).write_parquet(tmp_path / "1.parquet")
    FRAME.tail(1).select("y", "ds", "unique_id").write_parquet(tmp_path / "2.parquet")
    FRAME.write_parquet(tmp_path / "whole.dat")
    for path in (tmp_path, tmp_path / "*.parquet", tmp_path / "whole.dat"):
        assert ParquetSource(str(path)).read().equals(FRAME)


def test_columns_are_renamed_and_others_kept(tmp_path: Path):
    FRAME.rename({"y": "sold"}).with_columns(price=3).write_parquet(tmp_path / "1.parquet")
    frame = ParquetSource(str(tmp_path), columns={"y": "sold"}).read()
    assert frame.sort("unique_id").select("unique_id", "ds", "y", "price").row(1) == ("b", 1, 2.0, 3)


def test_a_corrupt_file_among_good_ones_is_named(tmp_path: Path):
    FRAME.write_parquet(tmp_path / "1.parquet")
    (tmp_path / "2.parquet").write_bytes(b"PAR1 torn")
    with pytest.raises(InputError, match=r"2\.parquet"):
        ParquetSource(str(tmp_path)).read()


def test_missing_files_and_columns_and_rows_are_input_errors(tmp_path: Path):
    with pytest.raises(InputError, match="must be a file, a folder"):
        ParquetSource(str(tmp_path / "none.parquet")).read()
    FRAME.drop("ds").write_parquet(tmp_path / "1.parquet")
    with pytest.raises(InputError, match=r"column 'ds'.* it has 'unique_id', 'y'"):
        ParquetSource(str(tmp_path)).read()
    FRAME.clear().write_parquet(tmp_path / "1.parquet")
    with pytest.raises(InputError, match="must have rows"):
        ParquetSource(str(tmp_path)).read()


def test_a_delta_table_is_not_mistaken_for_a_folder_of_files(tmp_path: Path):
    FRAME.write_delta(tmp_path / "table")
    with pytest.raises(InputError, match="Delta table"):
        ParquetSource(str(tmp_path / "table")).read()


def test_files_of_different_types_are_refused(tmp_path: Path):
    FRAME.write_parquet(tmp_path / "1.parquet")
    FRAME.with_columns(pl.lit([1]).alias("ds")).write_parquet(tmp_path / "2.parquet")
    with pytest.raises(InputError, match="same types"):
        ParquetSource(str(tmp_path)).read()


def test_folders_named_column_and_value_become_columns(tmp_path: Path):
    for shop, year, part in (("007", "2024", FRAME.head(1)), ("__HIVE_DEFAULT_PARTITION__", "2025", FRAME.tail(1))):
        folder = (
            tmp_path / f"shop=x%2F{shop}" / f"year={year}"
            if shop == "007"
            else tmp_path / f"shop={shop}" / f"year={year}"
        )
        folder.mkdir(parents=True)
        part.drop("unique_id").write_parquet(folder / "0.parquet")
    for path in (tmp_path, tmp_path / "*" / "*" / "*.parquet", tmp_path / "shop=*" / "**" / "*.parquet"):
        frame = ParquetSource(str(path), columns={"unique_id": "shop"}).read().sort("year")
        assert frame.select("unique_id", "ds", "y", "year").rows() == [("x/007", 1, 1.0, 2024), (None, 1, 2.0, 2025)]


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["1", "20"], pl.Int64),
        (["01", "20"], pl.String),
        (["2024-01-31", "2024-02-29"], pl.Date),
        (["2024-01-31", "x"], pl.String),
    ],
)
def test_a_partition_column_has_a_type_that_holds_all_its_values(
    values: list[str], kind: type[pl.DataType], tmp_path: Path
):
    for value in values:
        (tmp_path / f"part={value}").mkdir()
        FRAME.write_parquet(tmp_path / f"part={value}" / "0.parquet")
    frame = ParquetSource(str(tmp_path)).read()
    assert frame.schema["part"] == kind
    assert frame["part"].cast(pl.String).unique().sort().to_list() == values


def test_a_column_in_the_file_wins_over_the_folder_of_its_name(tmp_path: Path):
    (tmp_path / "y=9").mkdir()
    FRAME.write_parquet(tmp_path / "y=9" / "0.parquet")
    assert ParquetSource(str(tmp_path)).read()["y"].to_list() == [1.0, 2.0]


def test_files_with_other_columns_are_refused_filled_or_cut_as_declared(tmp_path: Path):
    FRAME.with_columns(price=pl.lit(3)).write_parquet(tmp_path / "1.parquet")
    FRAME.with_columns(note=pl.lit("x")).write_parquet(tmp_path / "2.parquet")
    with pytest.raises(InputError, match=r"1\.parquet without 'note', which .*2\.parquet has.*differing_columns"):
        ParquetSource(str(tmp_path)).read()
    filled = ParquetSource(str(tmp_path), differing_columns="fill").read()
    assert filled.select("price", "note").rows() == [(3, None), (3, None), (None, "x"), (None, "x")]
    assert ParquetSource(str(tmp_path), differing_columns="drop").read().columns == ["unique_id", "ds", "y"]


def test_numbers_of_several_types_meet_as_fractions_and_times_as_times(tmp_path: Path):
    day, noon = date(2024, 1, 1), datetime(2024, 1, 1, 12)
    FRAME.with_columns(ds=pl.lit(day), y=pl.lit(3, dtype=pl.Int16)).write_parquet(tmp_path / "1.parquet")
    FRAME.with_columns(ds=pl.lit(noon), y=pl.lit(1.5, dtype=pl.Float32)).write_parquet(tmp_path / "2.parquet")
    frame = ParquetSource(str(tmp_path)).read()
    assert frame["y"].to_list() == [3.0, 3.0, 1.5, 1.5]
    assert frame["ds"].to_list() == [datetime(2024, 1, 1)] * 2 + [noon] * 2


def test_wide_tables_and_stamps_as_text(tmp_path: Path):
    table = pl.DataFrame({"day": ["1/2/2024", "2/2/2024"], "north": [1, 2], "south": [None, 4.5]})
    table.write_parquet(tmp_path / "wide.parquet")
    source = ParquetSource(str(tmp_path), layout="wide", columns={"ds": "day"}, ds_format="%d/%m/%Y")
    assert source.read().sort("unique_id", "ds").rows() == [
        *(("north", date(2024, 2, 1), 1.0), ("north", date(2024, 2, 2), 2.0)),
        *(("south", date(2024, 2, 1), None), ("south", date(2024, 2, 2), 4.5)),
    ]


def test_a_damaged_page_in_the_middle_is_found_and_its_file_named(tmp_path: Path):
    for name in ("1", "2", "3"):
        pl.DataFrame({"unique_id": "a", "ds": range(5000), "y": 1.5}).write_parquet(tmp_path / f"{name}.parquet")
    damaged = bytearray((tmp_path / "2.parquet").read_bytes())
    damaged[4:200] = b"\xff" * 196
    (tmp_path / "2.parquet").write_bytes(damaged)
    scan = ParquetSource(str(tmp_path)).scan()
    with pytest.raises(InputError, match=r"got .*2\.parquet: "), scan.reading():
        scan.rows.sink_parquet(tmp_path / "copy")


def test_empty_folders_marks_and_uris_on_disk(tmp_path: Path):
    (tmp_path / "_temporary").mkdir()
    FRAME.write_parquet(tmp_path / "_temporary" / "0.parquet")
    with pytest.raises(InputError, match=r"a folder of \.parquet files"):
        ParquetSource(str(tmp_path)).scan()
    FRAME.write_parquet(tmp_path / "a b.parquet")
    assert ParquetSource(f"file://{tmp_path}/a%20b.parquet").read().equals(FRAME)


def test_a_file_that_is_touched_or_changed_has_another_fingerprint(tmp_path: Path):
    FRAME.write_parquet(tmp_path / "1.parquet")
    first = ParquetSource(str(tmp_path)).scan().fingerprint
    assert ParquetSource(str(tmp_path)).scan().fingerprint == first
    assert ParquetSource(str(tmp_path), differing_columns="fill").scan().fingerprint != first
    FRAME.with_columns(y=pl.col("y") + 1).write_parquet(tmp_path / "1.parquet")
    assert ParquetSource(str(tmp_path)).scan().fingerprint != first


def test_many_files_are_one_scan(tmp_path: Path):
    for number in range(600):
        (tmp_path / f"part={number % 3}").mkdir(exist_ok=True)
        FRAME.with_columns(ds=pl.lit(number)).write_parquet(tmp_path / f"part={number % 3}" / f"{number:03d}.parquet")
    scan = ParquetSource(str(tmp_path)).scan()
    assert scan.rows.explain().count("Parquet SCAN") == 1
    frame = scan.collect()
    assert frame.height == 1200
    assert (frame["ds"] % 3 == frame["part"]).all()
