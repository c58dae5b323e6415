import numpy as np
import polars as pl
import pytest
from polars.testing import assert_series_equal

from forecasting.errors import InputError
from forecasting.forecasters.recurrent import forecaster as recurrent
from forecasting.series.arrays import parts as parts_module
from forecasting.series.arrays.cutoffs import last_origins, rows_at
from forecasting.series.arrays.dataset import Dataset
from forecasting.series.arrays.parts import BLOCK, parts_of
from forecasting.series.arrays.series_arrays import Reading
from forecasting.series.arrays.subset import take_series
from forecasting.series.table.store import SeriesStore
from tests.series.table.test_store import NOBODY

FLAT = ("y", "full", "causal", "observed_before", "past", "known_future")


def reading(align: str = "calendar", freq: str = "1mo") -> Reading:
    return Reading(
        freq=freq,
        horizon=3,
        season_length=12,
        align=align,
        static=["size"],
        past=["temperature"],
        calendar=["month"],
        max_gap=3,
    )


def table(n_series: int) -> pl.DataFrame:
    """Monthly series that begin and end at different times, with gaps; every 50th ended long ago."""
    rng, frames = np.random.default_rng(5), []
    months = pl.date_range(pl.date(2020, 1, 31), pl.date(2022, 12, 31), "1mo", eager=True)
    for i in range(n_series):
        begin, end = int(rng.integers(0, 6)), 10 if i % 50 == 0 else int(rng.integers(20, 36))
        y = pl.Series(np.where(rng.random(end - begin) < 0.1, np.nan, rng.random(end - begin))).fill_nan(None)
        y[0], y[-1] = 1.0, 2.0
        one = {"unique_id": f"s{i:05d}", "ds": months[begin:end], "y": y, "size": float(i)}
        frames.append(pl.DataFrame(one).with_columns(temperature=pl.int_range(pl.len()).cast(pl.Float64)))
    return pl.concat(frames)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("parts")
    SeriesStore(folder).publish(table(3 * BLOCK), NOBODY)
    return folder


@pytest.mark.parametrize("align", ["calendar", "series_end"])
def test_the_arrays_of_a_part_are_those_of_the_whole_table_cut(root, align):
    dataset = Dataset(root, 0, reading(align), "")
    whole, found = dataset.arrays(), parts_of(dataset, rows=9000)
    assert len(found.parts) > 1
    assert found.n_series == whole.n_series == 3 * BLOCK
    begin = 0
    for part in found.parts:
        arrays, mine = part.arrays(), range(begin, begin + part.n_series)
        cut = take_series(whole, mine)
        assert arrays.ids == cut.ids == whole.ids[begin : begin + part.n_series]
        assert_series_equal(arrays.ds, cut.ds)
        assert np.array_equal(arrays.offsets, cut.offsets)
        for name in FLAT:
            assert np.array_equal(getattr(arrays, name), getattr(cut, name), equal_nan=True), name
        newest = last_origins(whole, align)
        of_part = np.flatnonzero((newest.series >= begin) & (newest.series < begin + part.n_series))
        shift = whole.offsets[begin]
        assert np.array_equal(last_origins(arrays, align).row, newest.row[of_part] - shift)
        begin += part.n_series


def test_a_part_holds_whole_blocks_of_the_batches_of_a_network(root):
    sizes = [part.n_series for part in parts_of(Dataset(root, 0, reading(), ""), rows=1).parts]
    assert sizes == [BLOCK] * 3
    assert BLOCK % recurrent._BATCH["cpu"] == 0
    assert BLOCK % recurrent._PATH_BATCH["cpu"] == 0


def test_a_part_that_ended_before_the_others_has_the_origins_of_their_end(tmp_path):
    old, new = (
        {"unique_id": [n] * 3, "ds": [*d], "y": [1.0, 2.0, 3.0]} for n, d in (("a", range(3)), ("b", range(6, 9)))
    )
    SeriesStore(tmp_path).publish(pl.concat([pl.DataFrame(old), pl.DataFrame(new)]), NOBODY)
    dataset = Dataset(tmp_path, 0, Reading(freq="1", horizon=2, season_length=1, fill="forward", align="calendar"), "")
    part = parts_of(dataset).parts[0]
    alone = type(part)(dataset, "a", "a", 1, part.span).arrays()
    assert alone.ds[int(last_origins(alone, "calendar").row[0])] == 8
    assert alone.ds[int(rows_at(alone, 7).row[0])] == 7
    assert len(rows_at(alone, 9)) == 0


def test_rows_that_somebody_has_put_in_another_order_give_the_same_parts(root, tmp_path, monkeypatch):
    expected = parts_of(Dataset(root, 0, reading(), ""), rows=9000)
    rows = SeriesStore(root).read().sample(fraction=1.0, shuffle=True, seed=1)
    monkeypatch.setattr(Dataset, "scan", lambda self: rows.lazy())
    monkeypatch.setattr(Dataset, "scans", lambda self: [rows[:5000].lazy(), rows[5000:].lazy()])
    monkeypatch.setattr(parts_module, "_BATCH_ROWS", 1000)
    found = parts_of(Dataset(root, 0, reading(), ""), rows=9000)
    assert [(p.first, p.last, p.span) for p in found.parts] == [(p.first, p.last, p.span) for p in expected.parts]
    assert (found.oldest, found.newest) == (expected.oldest, expected.newest)
    assert np.array_equal(found.parts[1].arrays().full, expected.parts[1].arrays().full, equal_nan=True)


def test_a_table_without_an_observed_value_has_no_parts(tmp_path):
    rows = pl.DataFrame({"unique_id": ["a"], "ds": [1], "y": pl.Series([None], dtype=pl.Float64)})
    SeriesStore(tmp_path).publish(rows, NOBODY)
    dataset = Dataset(tmp_path, 0, Reading(freq="1", horizon=2, season_length=1, fill="forward", align="calendar"), "")
    with pytest.raises(InputError, match="at least one series must have an observed y"):
        parts_of(dataset)
