from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest
from deltalake import DeltaTable, write_deltalake
from polars.testing import assert_frame_equal

from forecasting.errors import InputError, LockedError
from forecasting.operations import publishing
from forecasting.operations.publishing import ForecastFile, publish, read_published
from forecasting.series.table.digest import digest_of

KEY = ["unique_id", "cutoff", "ds"]


def rows(ids: str, cutoff: date = date(2024, 1, 10), y: float = 1.0, **more: object) -> pl.DataFrame:
    """Two steps of each series from one cutoff."""
    one = pl.DataFrame({"ds": [date(2024, 2, 1), date(2024, 2, 2)], "y_hat": [y, y + 1]})
    made = pl.lit(datetime.now(UTC)).alias("generated_at")
    frames = [
        one.select(pl.lit(i).alias("unique_id"), pl.lit(cutoff).alias("cutoff"), "ds", "y_hat", made) for i in ids
    ]
    return pl.concat(frames).with_columns(**{name: pl.lit(value) for name, value in more.items()})


def files(folder: Path, *frames: pl.DataFrame) -> list[ForecastFile]:
    folder.mkdir(parents=True, exist_ok=True)
    found = []
    for number, frame in enumerate(frames):
        path = folder / f"{number}.parquet"
        frame.write_parquet(path)
        ids, cutoffs = frame["unique_id"], (frame["cutoff"].min(), frame["cutoff"].max())
        found.append(ForecastFile(path, frame.height, ids.n_unique(), ids[0], ids[-1], cutoffs, 0, []))
    return found


def put(folder: Path, *frames: pl.DataFrame) -> publishing.Published:
    return publish(folder / "forecasts", files(folder / "draft", *frames))


def stands(folder: Path) -> pl.DataFrame:
    found = read_published(folder / "forecasts")
    assert found is not None
    return found.sort(KEY)


def test_files_become_one_version_with_the_digest_of_all_rows(tmp_path):
    done = put(tmp_path, rows("ab"), rows("cd"))
    assert (done.version, done.changed) == (0, True)
    assert done.digest == digest_of(rows("abcd"), exclude=["generated_at"])
    assert_frame_equal(stands(tmp_path).drop("generated_at"), rows("abcd").drop("generated_at"))


def test_the_same_rows_again_make_no_version_however_they_are_cut(tmp_path):
    first = put(tmp_path, rows("ab"), rows("cd"))
    again = put(tmp_path, rows("a"), rows("bcd"))
    assert (again.version, again.changed, again.digest) == (0, False, first.digest)


def test_exactly_the_series_and_cutoffs_of_the_files_are_replaced(tmp_path):
    put(tmp_path, rows("ab"), rows("cd"))
    put(tmp_path, rows("abcd", date(2024, 1, 20)))
    assert put(tmp_path, rows("bc", y=5.0)).version == 2
    expected = pl.concat([rows("ad"), rows("bc", y=5.0), rows("abcd", date(2024, 1, 20))]).sort(KEY)
    assert_frame_equal(stands(tmp_path).drop("generated_at"), expected.drop("generated_at"))
    before = pl.scan_delta(str(tmp_path / "forecasts"), version=1).collect()
    assert before.filter(pl.col("cutoff") == date(2024, 1, 10))["y_hat"].to_list() == [1.0, 2.0] * 4


def test_a_file_that_is_replaced_whole_is_not_written_again(tmp_path):
    put(tmp_path, rows("ab"), rows("cd"))
    held = set(DeltaTable(tmp_path / "forecasts").file_uris())
    put(tmp_path, rows("ab", y=3.0))
    assert len(held & set(DeltaTable(tmp_path / "forecasts").file_uris())) == 1
    assert len(DeltaTable(tmp_path / "forecasts").file_uris()) == 2


def test_a_table_of_older_commits_is_read_and_replaced_alike(tmp_path):
    write_deltalake(tmp_path / "forecasts", pl.concat([rows("ab"), rows("ab", date(2024, 1, 20))]).to_arrow())
    assert not put(tmp_path, rows("ab")).changed
    assert put(tmp_path, rows("a", y=4.0)).changed
    assert stands(tmp_path)["y_hat"].to_list() == [4.0, 5.0, 1.0, 2.0, 1.0, 2.0, 1.0, 2.0]


@pytest.mark.parametrize("stamp", [7, datetime(2024, 1, 10, 6, 0, 0, 123456, UTC)])
def test_cutoffs_may_be_integers_or_time_stamps(tmp_path, stamp):
    for y in (1.0, 2.0):
        put(tmp_path, rows("ab", stamp, y))
    assert stands(tmp_path)["y_hat"].to_list() == [2.0, 3.0] * 2


def test_a_new_column_is_null_in_what_stands_and_an_old_one_in_what_comes(tmp_path):
    put(tmp_path, rows("a", q10=0.5))
    put(tmp_path, rows("b", q25=0.7))
    assert stands(tmp_path).select("q10", "q25").rows() == [(0.5, None)] * 2 + [(None, 0.7)] * 2


def test_a_column_of_another_type_is_refused_and_nothing_changes(tmp_path):
    put(tmp_path, rows("a"))
    with pytest.raises(InputError, match="must keep its type, y_hat is Float64 there, got String"):
        put(tmp_path, rows("a").with_columns(pl.col("y_hat").cast(pl.String)))
    assert DeltaTable(tmp_path / "forecasts").version() == 0


def test_of_two_writers_the_second_is_told_and_leaves_no_file(tmp_path, monkeypatch):
    put(tmp_path, rows("a"))
    touched = publishing._touched

    def slow(present: DeltaTable, mine: list[ForecastFile]) -> list[str]:
        monkeypatch.setattr(publishing, "_touched", touched)
        put(tmp_path / "other", rows("b", y=8.0))
        publish(tmp_path / "forecasts", files(tmp_path / "second", rows("b", y=8.0)))
        return touched(present, mine)

    monkeypatch.setattr(publishing, "_touched", slow)
    with pytest.raises(LockedError, match="another one committed first"):
        put(tmp_path, rows("a", y=9.0))
    assert stands(tmp_path)["y_hat"].to_list() == [1.0, 2.0, 8.0, 9.0]
    known = {Path(uri).name for uri in DeltaTable(tmp_path / "forecasts").file_uris()}
    assert {path.name for path in (tmp_path / "forecasts").glob("*.parquet")} == known


def test_of_two_first_writers_the_second_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(publishing.DeltaTable, "is_deltatable", lambda path: False)
    put(tmp_path, rows("a"))
    with pytest.raises(LockedError, match="another one committed first"):
        put(tmp_path, rows("b"))
    monkeypatch.undo()
    assert stands(tmp_path)["unique_id"].unique().to_list() == ["a"]
