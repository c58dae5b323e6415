import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import deltalake
import polars as pl
import pytest

from forecasting.errors import InputError
from forecasting.sources import DeltaSource

OLD = pl.DataFrame({"shop": ["a", "b"], "day": [date(2024, 1, 1)] * 2, "sold": [1.0, 2.0]})
COLUMNS = {"unique_id": "shop", "ds": "day", "y": "sold"}


@pytest.fixture
def table(tmp_path: Path) -> str:
    """Version 0 has two rows, version 1 has both with other values."""
    OLD.write_delta(tmp_path / "table")
    time.sleep(0.01)  # commits are told apart by milliseconds
    OLD.with_columns(pl.col("sold") * 10).write_delta(tmp_path / "table", mode="overwrite")
    return str(tmp_path / "table")


def values(source: DeltaSource) -> list[float]:
    return source.read().sort("unique_id")["y"].to_list()


def test_the_newest_version_is_read_and_told(table: str):
    source = DeltaSource(table, columns=COLUMNS)
    told = source.scan().provenance
    assert values(source) == [10.0, 20.0]
    assert (told["version"], told["n_rows"], told["n_files"]) == (1, 2, 1)
    assert told["bytes"] > 0


def test_an_old_version_is_read_by_number_and_by_time(table: str):
    first, second = (commit["timestamp"] for commit in reversed(deltalake.DeltaTable(table).history()))
    between = datetime.fromtimestamp((first + second) / 2000, UTC)
    assert values(DeltaSource(table, columns=COLUMNS, version=0)) == [1.0, 2.0]
    assert values(DeltaSource(table, columns=COLUMNS, timestamp=datetime.now(UTC))) == [10.0, 20.0]
    assert values(DeltaSource(table, columns=COLUMNS, timestamp=between)) == [1.0, 2.0]
    assert values(DeltaSource(table, columns=COLUMNS, timestamp=between.replace(tzinfo=None))) == [1.0, 2.0]


def test_a_time_before_the_first_version_is_refused_and_does_not_give_the_first(table: str):
    with pytest.raises(InputError, match=r"oldest version is of .* later than the timestamp"):
        DeltaSource(table, timestamp=datetime.now(UTC) - timedelta(days=1)).scan()


def test_a_scan_stays_at_its_version_whatever_is_committed_meanwhile(table: str):
    scan = DeltaSource(table, columns=COLUMNS).scan()
    OLD.write_delta(table, mode="append")
    assert scan.collect().height == 2
    assert DeltaSource(table, columns=COLUMNS).scan().fingerprint != scan.fingerprint


def test_partition_columns_are_columns(tmp_path: Path):
    OLD.write_delta(tmp_path / "table", delta_write_options={"partition_by": ["shop"]})
    assert values(DeltaSource(f"file://{tmp_path}/table", columns=COLUMNS)) == [1.0, 2.0]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"version": 7}, "version"),
        ({"columns": COLUMNS | {"y": "profit"}}, "column 'profit'"),
        ({}, "column 'unique_id'"),
    ],
)
def test_what_is_not_there_is_an_input_error(settings: dict[str, object], message: str, table: str):
    with pytest.raises(InputError, match=message):
        DeltaSource(table, **settings).scan()  # type: ignore[arg-type]


def test_a_folder_without_a_table_is_an_input_error(tmp_path: Path):
    for path in (tmp_path, tmp_path / "none"):
        with pytest.raises(InputError, match=r"a source must be readable, got .*set data\.source \(path"):
            DeltaSource(str(path)).scan()


def test_a_missing_data_file_is_an_input_error(table: str):
    scan = DeltaSource(table, columns=COLUMNS).scan()
    for file in Path(table).glob("*.parquet"):
        file.unlink()
    with pytest.raises(InputError, match="must be readable"):
        scan.collect()


def test_version_and_time_exclude_each_other_and_secrets_are_references():
    with pytest.raises(InputError, match="got both"):
        DeltaSource("x", version=1, timestamp=datetime(2024, 1, 1))
    with pytest.raises(InputError, match=r"written out in data\.source\.storage_options\.aws_secret_access_key"):
        DeltaSource("s3://x/y", storage_options={"aws_secret_access_key": "hunter2"})
