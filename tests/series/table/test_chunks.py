from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecasting.errors import InputError
from forecasting.series.table.chunks import SeriesChunks
from tests.series.examples import PROPERTY

ROW = st.tuples(
    st.one_of(st.none(), st.sampled_from(["a", "b", "", "é", "A/../\0", "x" * 300])), st.integers(0, 5), st.integers()
)
SCHEMA = {"unique_id": pl.String, "ds": pl.Int64, "y": pl.Int128}


def chunks_of(frame: pl.DataFrame, folder: Path, batch: int, chunk_bytes: int) -> list[pl.DataFrame]:
    chunks = SeriesChunks(frame.iter_slices(batch), folder, chunk_bytes)
    return [chunks.chunk(k) for k in range(chunks.n_chunks)]


@PROPERTY
@given(st.lists(ROW, min_size=1, max_size=60), st.integers(1, 20), st.sampled_from([1, 100, 300, 10_000]))
def test_chunks_hold_whole_series_in_order_and_every_row_as_it_came(rows, batch, chunk_bytes):
    frame = pl.DataFrame(rows, schema=SCHEMA, orient="row")
    with TemporaryDirectory() as folder:
        parts = [part.cast({"unique_id": pl.String}) for part in chunks_of(frame, Path(folder), batch, chunk_bytes)]
    named = [part.drop_nulls("unique_id") for part in parts]
    assert pl.concat(named).equals(frame.drop_nulls("unique_id").sort("unique_id", maintain_order=True))
    ids = [name for part in named for name in part["unique_id"].unique().sort()]
    assert ids == sorted(set(ids))
    assert parts[0].filter(pl.col("unique_id").is_null()).equals(frame.filter(pl.col("unique_id").is_null()))


def test_every_stamp_is_counted_with_its_rows(tmp_path: Path):
    frame = pl.DataFrame({"unique_id": ["a", None, "b"] * 50, "ds": [date(2024, 1, 1), None, date(2024, 1, 1)] * 50})
    chunks = SeriesChunks(frame.iter_slices(2), tmp_path, 100)
    assert chunks.n_rows == 150
    assert dict(chunks.stamps.iter_rows()) == {date(2024, 1, 1): 100, None: 50}


def test_what_fits_into_one_chunk_writes_no_file(tmp_path: Path):
    frame = pl.DataFrame({"unique_id": [3, 20, 3], "ds": [1, 2, 3]})
    (part,) = chunks_of(frame, tmp_path, 2, 10_000)
    assert part["unique_id"].cast(pl.String).to_list() == ["20", "3", "3"]
    assert not list(tmp_path.iterdir())


def test_more_than_65536_series_in_a_chunk_stay_in_order(tmp_path: Path):
    ids = [f"{k:06d}" for k in range(70_000)]
    frame = pl.DataFrame({"unique_id": ids[::-1] * 2, "ds": [1] * 70_000 + [0] * 70_000})
    (part,) = chunks_of(frame, tmp_path, 50_000, 10**9)
    assert part["unique_id"].cast(pl.String).to_list() == [name for name in ids for _ in range(2)]
    assert part["ds"].to_list() == [1, 0] * 70_000


def test_no_rows_are_an_input_error(tmp_path: Path):
    with pytest.raises(InputError, match="must have rows"):
        SeriesChunks([], tmp_path, 100)
