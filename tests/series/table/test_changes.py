from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecasting.series.table.changes import Changes, changes, told
from tests.series.examples import PROPERTY, daily

BEFORE = daily({"a": [1.0, None, 3.0], "b": [1.0, 2.0], "gone": [5.0]})
TABLE = st.dictionaries(
    st.tuples(st.sampled_from("abcdé/"), st.integers(0, 5)),
    st.one_of(st.none(), st.sampled_from([0.0, 1.0])),
    max_size=15,
)


def found(after: pl.DataFrame, **settings: Any) -> Changes:
    return changes(BEFORE.lazy(), after.lazy(), **settings)


def test_late_corrected_and_lost_rows_and_series_are_counted_and_named():
    after = daily({"a": [1.0, 2.0, 3.5], "b": [1.0], "new": [7.0, 8.0]})
    assert found(after) == Changes(
        rows_added=3,  # one fills a gap
        rows_changed=1,
        rows_removed=2,
        series_new=1,
        series_gone=1,
        series_changed=2,
        examples={"new": ["new"], "gone": ["gone"], "changed": ["a", "b"]},
    )


def test_the_same_table_has_no_changes_and_rows_without_a_value_are_nobodys():
    assert found(BEFORE) == Changes(examples={"new": [], "gone": [], "changed": []})
    longer = pl.concat([BEFORE, daily({"a": [None] * 5}).tail(2)])
    assert found(longer) == found(BEFORE)


def test_a_new_column_is_named_and_the_others_are_compared():
    after = BEFORE.with_columns(price=pl.lit(1.0), y=pl.col("y") + 1)
    told = found(after)
    assert (told.columns_added, told.columns_removed, told.rows_changed) == (["price"], [], 5)


def test_another_kind_of_stamp_changes_every_row():
    after = BEFORE.with_columns(ds=pl.col("ds").cast(pl.Datetime("us", "UTC")))
    assert (found(after).rows_added, found(after).rows_removed, found(after).series_new) == (5, 5, 0)


@PROPERTY
@given(TABLE, TABLE, st.integers(1, 20))
def test_it_agrees_with_dictionaries_however_many_series_are_read_at_a_time(one, other, at_a_time):
    def frame(table: dict) -> pl.DataFrame:
        rows = [(name, i, y) for (name, i), y in table.items()]
        return pl.DataFrame(rows, schema={"unique_id": pl.String, "ds": pl.Int64, "y": pl.Float64}, orient="row")

    result = changes(frame(one).lazy(), frame(other).lazy(), at_a_time)
    old, new = ({key: y for key, y in table.items() if y is not None} for table in (one, other))
    assert result.rows_added == len(new.keys() - old.keys())
    assert result.rows_removed == len(old.keys() - new.keys())
    assert result.rows_changed == sum(old[key] != new[key] for key in old.keys() & new.keys())
    ids = [{name for name, _ in table} for table in (old, new)]
    assert (result.series_gone, result.series_new) == (len(ids[0] - ids[1]), len(ids[1] - ids[0]))


@pytest.mark.parametrize(
    ("counts", "sentence"),
    [
        ({"rows_added": 1200, "series_new": 1}, "since version 3: 1,200 row(s) added, 1 series new"),
        ({"columns_removed": ["price"]}, "since version 3: columns removed: price"),
        ({}, "since version 3: no row is different, only what was set aside, dropped or flagged"),
    ],
)
def test_the_sentence_names_only_what_is_there(counts: dict[str, Any], sentence: str):
    assert told(Changes(**counts), 3) == sentence
