import multiprocessing
import os
import random
import signal
import time
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest
from deltalake import DeltaTable

from forecasting.errors import InputError, LockedError
from forecasting.series.table import store as store_module
from forecasting.series.table.digest import digest_of
from forecasting.series.table.store import SeriesStore, Version
from tests.series.examples import daily

TEXTS = ["unique_id", "reason", "detail", "first_ds", "last_ds"]
NOBODY = pl.DataFrame(schema=dict.fromkeys(TEXTS, pl.String) | {"n_rows": pl.Int64})


def aside(*ids: str) -> pl.DataFrame:
    rows = [(name, "no_values", "y has no value at all", None, None, 1) for name in ids]
    return pl.DataFrame(rows, schema=NOBODY.schema, orient="row")


def test_what_is_published_is_read_back(tmp_path: Path):
    frame, store = daily({"a": [1.0, None], "b/../\0": [3.0]}), SeriesStore(tmp_path)
    version = store.publish(frame.reverse(), aside("c"))
    assert version == Version(0, digest_of(frame), 2, 3)
    assert store.current() == version
    assert store.read().equals(frame)
    assert store.quarantine().row(0)[:3] == (0, "c", "no_values")


def test_the_same_content_makes_no_new_version(tmp_path: Path):
    store, frame = SeriesStore(tmp_path), daily({"a": [1.0, 2.0]})
    first = store.publish(frame, aside("c"))
    assert SeriesStore(tmp_path).publish(frame.reverse(), aside("c")) == first
    assert DeltaTable(tmp_path / "series").version() == 0
    assert DeltaTable(tmp_path / "quarantine").version() == 0


def test_old_versions_and_their_quarantine_stay_readable(tmp_path: Path):
    store = SeriesStore(tmp_path)
    store.publish(daily({"a": [1.0]}), aside("c", "d"))
    wider = daily({"a": [1.0, 2.0]}).with_columns(price=pl.lit(3.0))
    assert store.publish(wider, NOBODY).version == 1
    assert store.read(0).equals(daily({"a": [1.0]}))
    assert store.read(1).equals(wider)
    assert store._required(0).version == Version(0, digest_of(daily({"a": [1.0]})), 1, 1)
    assert store.quarantine(0)["unique_id"].to_list() == ["c", "d"]
    assert store.quarantine(1).is_empty()


def test_a_changed_quarantine_alone_makes_a_version_of_the_same_digest(tmp_path: Path):
    store, frame = SeriesStore(tmp_path), daily({"a": [1.0]})
    versions = [store.publish(frame, quarantine) for quarantine in (NOBODY, aside("c"))]
    assert [v.version for v in versions] == [0, 1]
    assert versions[0].digest == versions[1].digest
    assert store.quarantine()["unique_id"].to_list() == ["c"]


@pytest.mark.parametrize("dtype", [pl.Date, pl.Int64, pl.Datetime("us", "UTC")])
def test_stamps_keep_their_type(dtype: pl.DataType, tmp_path: Path):
    stamps = {pl.Date: [date(2024, 1, 1)], pl.Int64: [5]}.get(dtype, [datetime(2024, 1, 1, 1, 2, 3, 4, tzinfo=UTC)])
    frame = pl.DataFrame({"unique_id": ["a"], "ds": pl.Series(stamps, dtype=dtype), "y": [1.0]})
    store = SeriesStore(tmp_path)
    store.publish(frame, NOBODY)
    assert store.read().equals(frame)
    assert store.read().schema == frame.schema


def test_reading_before_publishing_and_unknown_versions_are_input_errors(tmp_path: Path):
    store = SeriesStore(tmp_path)
    assert store.current() is None
    with pytest.raises(InputError, match="must be published first"):
        store.read()
    store.publish(daily({"a": [1.0]}), NOBODY)
    with pytest.raises(InputError, match="between 0 and 0, got 1"):
        store.read(1)
    with pytest.raises(InputError, match="got -1"):
        store.read(-1)


def test_rows_that_break_the_contract_are_not_published(tmp_path: Path):
    store, frame = SeriesStore(tmp_path), daily({"a": [1.0]})
    with pytest.raises(ValueError, match="must be unique"):
        store.publish(pl.concat([frame, frame]), NOBODY)
    assert store.current() is None


def test_an_empty_series_table_can_be_published(tmp_path: Path):
    store, frame = SeriesStore(tmp_path), daily({"a": [1.0]}).clear()
    assert store.publish(frame, aside("a")).n_series == 0
    assert store.read().equals(frame)


def test_a_kill_between_both_tables_leaves_the_old_version_and_a_rerun_completes(tmp_path, monkeypatch):
    store = SeriesStore(tmp_path)
    old = store.publish(daily({"a": [1.0]}), aside("c"))

    def killed(*args: object, **kwargs: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(store_module, "_point", killed)
        with pytest.raises(KeyboardInterrupt):
            store.publish(daily({"a": [2.0]}), aside("d", "e"))
    assert store.current() == old
    assert store.quarantine()["unique_id"].to_list() == ["c"]
    assert store.publish(daily({"a": [2.0]}), aside("d")).version == 1
    assert store.quarantine()["unique_id"].to_list() == ["d"]
    assert pl.read_delta(str(tmp_path / "quarantine")).height == 2


def test_of_two_writers_one_wins_and_the_other_is_locked_out_or_done(tmp_path, monkeypatch):
    store, point, late = SeriesStore(tmp_path), store_module._point, daily({"a": [3.0]})
    store.publish(daily({"a": [1.0]}), NOBODY)

    def overtaken(*args: object, **kwargs: object) -> None:
        patch.setattr(store_module, "_point", point)
        SeriesStore(tmp_path).publish(late, aside("winner"))
        point(*args, **kwargs)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(store_module, "_point", overtaken)
        with pytest.raises(LockedError, match="one run at a time"):
            store.publish(daily({"a": [2.0]}), aside("loser"))
    assert store.read().equals(late)
    assert len(list((tmp_path / "series").glob("*.parquet"))) == 2  # the loser took its file away
    assert store.quarantine()["unique_id"].to_list() == ["winner"]
    late = daily({"a": [4.0]})
    with monkeypatch.context() as patch:
        patch.setattr(store_module, "_point", overtaken)
        assert store.publish(late, aside("winner")).version == 2
    assert store.current() == Version(2, digest_of(late), 1, 1)


def test_maintenance_of_the_table_makes_no_version(tmp_path: Path):
    store = SeriesStore(tmp_path)
    version = store.publish(daily({"a": [1.0]}), aside("c"))
    DeltaTable(tmp_path / "series").alter.set_table_properties({"delta.appendOnly": "false"})
    assert store.current() == version
    assert store.read().equals(daily({"a": [1.0]}))
    assert store.publish(daily({"a": [2.0]}), aside("d")).version == 2
    assert store.quarantine()["unique_id"].to_list() == ["d"]


def test_what_killed_processes_left_is_swept_and_every_version_stays(tmp_path: Path):
    store = SeriesStore(tmp_path)
    for k in range(2):
        store.publish(daily({"a": [float(k)]}), NOBODY)
    draft = store.draft().__enter__()
    draft.add(draft.write(daily({"a": [3.0]})))
    draft.move(store.series)  # and dies before the commit
    assert store.sweep() == 2
    assert not list(tmp_path.glob(".*"))
    assert [store.read(version)["y"][0] for version in (0, 1)] == [0.0, 1.0]
    assert store.sweep() == 0


def test_a_version_may_have_fewer_columns_than_the_one_before(tmp_path: Path):
    store = SeriesStore(tmp_path)
    store.publish(daily({"a": [1.0]}).with_columns(price=pl.lit(3.0)), NOBODY)
    store.publish(daily({"a": [1.0]}), NOBODY)
    assert store.read().columns == pl.read_delta(str(store.series)).columns == ["unique_id", "ds", "y"]


def test_parts_make_one_sorted_version_that_any_delta_reader_reads(tmp_path: Path):
    store, frame = SeriesStore(tmp_path), daily({name: [1.0, 2.0] for name in "abcd"})
    with store.draft() as draft:
        for part in (frame[:4], frame[4:].cast({"unique_id": pl.Enum(["c", "d"])})):
            draft.add(draft.write(part))
        version = store.commit(draft, NOBODY)
    assert version == Version(0, digest_of(frame), 4, 8)
    assert store.scan().collect().equals(frame)
    assert pl.read_delta(str(store.series)).sort("unique_id", "ds").equals(frame)
    assert pl.from_arrow(DeltaTable(store.series).to_pyarrow_table()).equals(frame)


def test_parts_out_of_order_are_refused(tmp_path: Path):
    with SeriesStore(tmp_path).draft() as draft:
        draft.add(draft.write(daily({"b": [1.0]})))
        with pytest.raises(ValueError, match="'a' after 'b'"):
            draft.add(draft.write(daily({"a": [1.0]})))
        with pytest.raises(ValueError, match="must be sorted"):
            draft.write(daily({"c": [1.0, 2.0]}).reverse())
    assert not list(tmp_path.iterdir())


def _panel(k: int) -> pl.DataFrame:
    return daily({f"s{i:02d}": [float(k)] * 50 for i in range(20)})


def _publish(folder: Path, k: int, start: "multiprocessing.synchronize.Barrier") -> None:
    start.wait()
    try:
        SeriesStore(folder).publish(_panel(k), aside(f"q{k}"))
    except LockedError:
        os._exit(5)


def _publish_forever(folder: Path) -> None:
    for k in range(10_000):
        SeriesStore(folder).publish(_panel(k), aside(f"q{k}"))


@pytest.mark.slow
@pytest.mark.parametrize("same", [True, False])
def test_processes_that_publish_at_once_leave_one_consistent_version(same: bool, tmp_path: Path):
    context = multiprocessing.get_context("spawn")
    start = context.Barrier(3)
    workers = [context.Process(target=_publish, args=(tmp_path, 0 if same else k, start)) for k in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    codes = sorted(worker.exitcode for worker in workers)
    assert codes == [0, 0, 0] if same else codes[0] == 0 and set(codes) <= {0, 5}
    store = SeriesStore(tmp_path)
    k = int(store.read()["y"][0])
    assert store.read().equals(_panel(k))
    assert store.quarantine()["unique_id"].to_list() == [f"q{k}"]


@pytest.mark.slow
def test_a_writer_killed_at_random_moments_never_tears_a_version(tmp_path: Path):
    context, moments, store = multiprocessing.get_context("spawn"), random.Random(7), SeriesStore(tmp_path)
    for _ in range(10):
        worker = context.Process(target=_publish_forever, args=(tmp_path,))
        worker.start()
        before = store.current()
        while store.current() == before and worker.is_alive():
            time.sleep(0.01)
        time.sleep(moments.uniform(0.0, 0.1))
        os.kill(worker.pid, signal.SIGKILL)  # type: ignore[arg-type]
        worker.join()
        k = int(store.read()["y"][0])
        assert store.read().equals(_panel(k))
        assert store.quarantine()["unique_id"].to_list() == [f"q{k}"]
        assert store.current().digest == digest_of(_panel(k))  # type: ignore[union-attr]
