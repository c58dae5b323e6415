"""The first stage as a user meets it: what is published, what is not, and what has changed since."""

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from forecasting.config import Config, parse_config
from forecasting.errors import InputError, LimitError
from forecasting.pipeline.ingestion import ingest
from forecasting.pipeline.paths import Paths
from forecasting.series.store import SeriesStore

DAY0 = date(2024, 1, 1)


def config(folder: Path, **data: Any) -> Config:
    source = {"kind": "parquet", "path": str(folder / "data.parquet")}
    data = {"source": source, "freq": "1d", "season_length": 7} | data
    return parse_config({"name": "t", "workspace": str(folder / "w"), "data": data, "task": {"horizon": 2}})


def write(folder: Path, series: dict[str, list[float | None]], name: str = "data") -> None:
    rows = [(name, DAY0 + timedelta(days=i), y) for name, values in series.items() for i, y in enumerate(values)]
    frame = pl.DataFrame(rows, schema={"unique_id": pl.String, "ds": pl.Date, "y": pl.Float64}, orient="row")
    frame.write_parquet(folder / f"{name}.parquet")


def run(folder: Path, dry_run: bool = False, **data: Any) -> dict[str, Any]:
    made = config(folder, **data)
    return ingest(made, Paths(made.workspace, made.name), dry_run=dry_run).summary


def store(folder: Path) -> SeriesStore:
    return SeriesStore(folder / "w" / "t")


def test_too_many_quarantined_series_publish_nothing_and_the_error_says_why(tmp_path: Path):
    write(tmp_path, {"a": [1.0, 2.0, 3.0], "b": [1.0, float("inf"), 2.0]})
    for dry_run in (True, False):
        with pytest.raises(LimitError, match=r"got 1 of 2 \(non_finite 1; 'b': 1 rows") as error:
            run(tmp_path, dry_run)
        assert error.value.exit_code == 4
        assert error.value.account[0]["reason"] == "non_finite"
    assert not (tmp_path / "w").exists()


def test_late_and_corrected_rows_make_a_version_that_says_what_changed_and_the_old_one_stays(tmp_path: Path):
    write(tmp_path, {"a": [1.0, 2.0, 3.0], "b": [4.0, 5.0, 6.0]})
    first = run(tmp_path)
    assert (first["version"], first["changes"]) == (0, None)
    assert run(tmp_path)["version"] == 0
    write(tmp_path, {"a": [1.0, 2.5, 3.0, 4.0], "c": [1.0, 2.0, 3.0]})
    dry = run(tmp_path, dry_run=True)
    second = run(tmp_path)
    assert dry["changes"] == second["changes"]
    assert second["changes"]["sentence"] == (
        "since version 0: 4 row(s) added, 1 changed, 3 removed, 1 series new, 1 series gone"
    )
    assert second["version"] == 1
    assert store(tmp_path).read(0).filter(pl.col("unique_id") == "a")["y"].to_list() == [1.0, 2.0, 3.0]


def test_the_quarantine_table_holds_what_was_set_aside_dropped_and_flagged(tmp_path: Path):
    write(tmp_path, {"a": [1.0, 2.0, 3.0], "b": [1.0, float("inf"), 2.0]})
    summary = run(tmp_path, quality={"max_quarantined": 0.5})
    rows = store(tmp_path).quarantine().select("dataset_version", "unique_id", "reason", "n_rows").rows()
    assert rows == [(0, "a", "short", 3), (0, "b", "non_finite", 3)]
    assert [(line["reason"], line["effect"], line["series"]) for line in summary["account"]] == [
        ("non_finite", "set aside", 1),
        ("short", "flagged", 1),
    ]


def test_a_second_source_brings_known_future_values(tmp_path: Path):
    write(tmp_path, {"a": [1.0, 2.0, 3.0]})
    write(tmp_path, {"a": [0.0, 0.0, 0.0, 1.0, 1.0]}, "future")
    path = tmp_path / "future.parquet"
    pl.read_parquet(path).rename({"y": "open"}).write_parquet(path)
    future = {"kind": "parquet", "path": str(path)}
    run(tmp_path, future=future, covariates={"known_future": ["open"]})
    frame = store(tmp_path).read()
    assert frame["open"].to_list() == [0.0, 0.0, 0.0, 1.0, 1.0]
    assert frame["y"].to_list() == [1.0, 2.0, 3.0, None, None]


def test_daily_steps_become_weeks_where_the_config_says_so(tmp_path: Path):
    write(tmp_path, {"a": [1.0] * 23})
    summary = run(tmp_path, freq="1w", aggregate="sum")
    assert store(tmp_path).read()["y"].to_list() == [7.0, 7.0, 7.0, None]
    assert summary["account"][0]["reason"] == "incomplete_period"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"timezone": "Mars/Base"}, "time zone must be known, got 'Mars/Base'"),
        ({"quality": {"snap": 0.5}}, "snap must be a share below 0.5"),
        ({"aggregate": {"y": "sum", "min_share": 0.5}}, "a sum needs all steps"),
        ({"aggregate": "median"}, "data.aggregate"),
    ],
)
def test_settings_that_make_no_sense_are_refused_when_the_config_is_read(tmp_path: Path, data: dict, message: str):
    with pytest.raises(InputError, match=message):
        config(tmp_path, **data)
