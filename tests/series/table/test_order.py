import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecasting.series.table.order import is_sorted

ROWS = st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 3)), max_size=8)


def frame(rows: list[tuple[str, int]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema={"unique_id": pl.String, "ds": pl.Int64}, orient="row")


@given(ROWS)
def test_rows_are_sorted_where_a_sort_would_change_nothing(rows):
    assert is_sorted(frame(rows)) == (rows == sorted(rows))


@pytest.mark.parametrize("row", [("b", None), (None, 1)])
def test_a_null_in_the_key_is_never_sorted(row):
    assert not is_sorted(pl.concat([frame([("a", 1), ("b", 2)]), frame([row])]))
