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
