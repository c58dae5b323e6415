"""Ingest in chunks, once: the same version whatever the chunks, nothing read again that is known, nothing left behind."""

import os
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from forecasting.config import Config, parse_config
from forecasting.errors import InputError, LimitError
from forecasting.series.table.digest import digest_of
from forecasting.series.table.store import SeriesStore
from forecasting.sources import SOURCES
from forecasting.stages.ingest import Ingested, ingest, ingest_dry
from forecasting.stages.plan import plan_of


def rows(seed: int = 0, n_series: int = 30, n_days: int = 40) -> pl.DataFrame:
    """Series of different lengths, with gaps, covariates and one that is set aside, in random order."""
    random = np.random.default_rng(seed)
    days = [date(2024, 1, 1) + timedelta(days=k) for k in range(n_days)]
    frame = pl.DataFrame(
        {
            "unique_id": np.repeat([f"s{k:03d}" for k in range(n_series)], n_days),
            "ds": pl.Series(days * n_series, dtype=pl.Date),
            "y": pl.Series(random.normal(size=n_series * n_days)),
            "price": random.uniform(size=n_series * n_days),
            "town": np.repeat([f"t{k % 3}" for k in range(n_series)], n_days),
        }
    )
    kept = frame.filter(pl.Series(random.uniform(size=frame.height) > 0.02))
    spoilt = pl.when(pl.col("unique_id") == "s007").then(float("inf")).otherwise(pl.col("y"))
    return kept.with_columns(spoilt.alias("y"))[random.permutation(kept.height)]


def config_of(folder: Path, **changes: Any) -> Config:
    raw: dict[str, Any] = {
        "name": "tiny",
        "workspace": str(folder / "workspace"),
        "workers": 2,
        "data": {
            "source": {"kind": "parquet", "path": str(folder / "input")},
            "freq": "1d",
            "season_length": 7,
            "covariates": {"static": ["town"], "past": ["price"]},
        },
        "task": {"horizon": 5},
    }
    return parse_config(raw | changes)


def write(folder: Path, frame: pl.DataFrame, n_files: int = 3) -> None:
    (folder / "input").mkdir(exist_ok=True)
    for number, part in enumerate(frame.iter_slices(-(-frame.height // n_files))):
        part.write_parquet(folder / "input" / f"{number}.parquet")


def run(config: Config) -> Ingested:
    return ingest(plan_of(config))


def told(found: Ingested) -> dict[str, Any]:
    """What an ingest says, apart from whether it was said before."""
    return found.summary.model_dump(exclude={"reused"})


def store_of(config: Config) -> SeriesStore:
    return SeriesStore(config.workspace / config.name)


@pytest.mark.parametrize("chunk_mib", [0.0001, 0.004, 64.0])
def test_the_version_does_not_depend_on_chunks_files_or_the_order_of_rows(tmp_path: Path, chunk_mib: float):
    write(tmp_path, rows(), n_files=1)
    whole = run(config_of(tmp_path))
    write(tmp_path, rows().sample(fraction=1.0, shuffle=True, seed=1), n_files=4)
    parts = run(config_of(tmp_path, chunk_mib=chunk_mib, workspace=str(tmp_path / "other")))
    assert parts.version == whole.version
    assert told(parts) | {"read": whole.summary.read} == told(whole)
    assert parts.quarantine.equals(whole.quarantine)
    table = store_of(config_of(tmp_path, workspace=str(tmp_path / "other"))).read()
    assert (table.height, digest_of(table)) == (whole.version.n_rows, whole.version.digest)
    assert table["unique_id"].n_unique() == 29
    assert whole.quarantine.filter(pl.col("reason") == "non_finite")["unique_id"].to_list() == ["s007"]


def test_files_of_a_version_hold_series_in_order_and_one_after_the_other(tmp_path: Path):
    write(tmp_path, rows())
    config = config_of(tmp_path, chunk_mib=0.004)
    run(config)
    store = store_of(config)
    files = sorted(store.series.glob("*.parquet"))
    assert len(files) > 3
    assert pl.concat([pl.read_parquet(file) for file in files]).equals(store.read())


def test_an_unchanged_source_is_not_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    write(tmp_path, rows())
    config = config_of(tmp_path)
    first = run(config)
    monkeypatch.setattr("forecasting.stages.ingest.SeriesChunks", None)
    again = run(config)
    assert (first.summary.reused, again.summary.reused) == (False, True)
    assert (again.version, told(again), again.ds_type) == (first.version, told(first), first.ds_type)
    assert again.quarantine.equals(first.quarantine)


def test_a_changed_file_makes_a_version_and_the_same_content_written_anew_does_not(tmp_path: Path):
    config = config_of(tmp_path)
    for frame, version in ((rows(0), 0), (rows(0).reverse(), 0), (rows(1), 1), (rows(0), 2)):
        write(tmp_path, frame)
        assert run(config).version.version == version
    assert digest_of(store_of(config).read(2)) == digest_of(store_of(config).read(0))


def test_the_summary_tells_what_was_read(tmp_path: Path):
    write(tmp_path, rows(), n_files=3)
    summary = run(config_of(tmp_path)).summary
    (read,) = summary.read
    assert (summary.n_rows_read, read["kind"], read["n_files"]) == (rows().height, "parquet", 3)
    assert read["bytes"] == sum(file.stat().st_size for file in (tmp_path / "input").iterdir())


def test_new_values_of_a_second_source_are_read_though_the_first_stays(tmp_path: Path):
    write(tmp_path, rows().select("unique_id", "ds", "y", "price"))
    days = pl.DataFrame({"ds": [date(2024, 2, 10) + timedelta(days=k) for k in range(5)]})
    data = config_of(tmp_path).data.model_dump(mode="json") | {"covariates": {"known_future": ["price"]}}
    config = config_of(tmp_path, data=data | {"future": {"kind": "parquet", "path": str(tmp_path / "future.parquet")}})
    for price, changed in ((1.0, True), (1.0, False), (2.0, True)):
        ahead = rows().select(pl.col("unique_id").unique()).join(days, how="cross").with_columns(price=pl.lit(price))
        if changed:
            ahead.write_parquet(tmp_path / "future.parquet")
        assert run(config).summary.reused != changed
        assert store_of(config).read().filter(ds=date(2024, 2, 14))["price"].unique().to_list() == [price]


def test_other_settings_are_another_ingest(tmp_path: Path):
    write(tmp_path, rows().with_columns(pl.col("y").abs()))
    assert run(config_of(tmp_path)).version.n_series == 29
    bare = {"source": {"kind": "parquet", "path": str(tmp_path / "input")}, "freq": "1d", "season_length": 7}
    found = run(config_of(tmp_path, data=bare))
    assert found.version.version == 1
    assert store_of(config_of(tmp_path)).read().columns == ["unique_id", "ds", "y"]


def test_what_another_day_may_take_back_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    config = config_of(tmp_path)
    ahead = pl.DataFrame({"unique_id": "ahead", "ds": date.today() + timedelta(days=900), "y": 1.0})
    write(tmp_path, pl.concat([rows(), ahead.with_columns(price=pl.lit(1.0), town=pl.lit("t"))]))
    assert "future" in run(config).quarantine["reason"].to_list()
    assert run(config).summary.reused
    monkeypatch.setattr("forecasting.stages.ingest.SeriesChunks", None)
    with pytest.raises(TypeError):
        run(config)


def test_a_dry_run_tells_the_same_and_writes_nothing(tmp_path: Path):
    write(tmp_path, rows())
    config = config_of(tmp_path, chunk_mib=0.004)
    dry = ingest_dry(plan_of(config))
    assert not config.workspace.exists()
    real = run(config).summary
    assert dry.model_copy(update={"version": 0}) == real


@pytest.mark.parametrize("error", [LimitError, InputError, "unreadable"])
def test_what_cannot_be_published_leaves_the_old_version_and_no_file(tmp_path: Path, error: Any):
    write(tmp_path, rows())
    config = config_of(tmp_path, chunk_mib=0.004)
    old = run(config).version
    held = set(store_of(config).series.iterdir())
    if error == "unreadable":
        damaged = tmp_path / "input" / "1.parquet"
        content = damaged.read_bytes()
        damaged.write_bytes(content[:100] + bytes(len(content) - 1100) + content[-1000:])
        with pytest.raises(InputError, match=r"1\.parquet"):
            run(config)
    else:
        broken = rows(1).with_columns(y=pl.lit(float("inf")) if error is LimitError else pl.col("town"))
        write(tmp_path, broken)
        with pytest.raises(error):
            run(config)
    assert store_of(config).current() == old
    assert set(store_of(config).series.iterdir()) == held
    assert not list((config.workspace / config.name).glob(".draft-*"))


def test_a_full_disk_is_a_named_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    write(tmp_path, rows())

    def full(*args: object, **kwargs: object) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(pl.DataFrame, "write_parquet", full)
    with pytest.raises(LimitError, match="no space left below"):
        run(config_of(tmp_path))
    assert store_of(config_of(tmp_path)).current() is None


@pytest.mark.parametrize("kind", sorted(set(SOURCES) & {"builtin", "simulated"}))
def test_sources_without_files_are_recognised_too(tmp_path: Path, kind: str):
    source = {"builtin": {"kind": kind, "name": "fertility"}, "simulated": {"kind": kind, "n_series": 5, "n_days": 50}}
    data = {"source": source[kind], "freq": 1 if kind == "builtin" else "1d", "season_length": 1}
    config = config_of(tmp_path, data=data | {"quality": {"max_gap": None}})
    assert not run(config).summary.reused
    assert run(config).summary.reused
