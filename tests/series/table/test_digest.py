from datetime import date
from itertools import pairwise

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecasting.series.table.digest import TableDigest, digest_of, digest_of_parts
from tests.series.examples import PROPERTY

ROW = st.tuples(
    st.text(max_size=3),
    st.dates(),
    st.one_of(st.none(), st.floats()),
    st.one_of(st.none(), st.booleans()),
    st.one_of(st.none(), st.text(max_size=2)),
)
SCHEMA = {"unique_id": pl.String, "ds": pl.Date, "y": pl.Float64, "open": pl.Boolean, "town": pl.String}
ROWS = st.lists(ROW, min_size=1, max_size=8)


def table(rows: list[tuple[object, ...]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


@PROPERTY
@given(ROWS, st.randoms(use_true_random=False), st.integers(1, 8))
def test_row_order_column_order_and_chunks_change_nothing(rows, random, cut):
    shuffled, names = list(rows), list(SCHEMA)
    random.shuffle(shuffled)
    random.shuffle(names)
    chunks = [table(shuffled[:cut]), table(shuffled[cut:])]
    assert digest_of(pl.concat(chunks, rechunk=False).select(names)) == digest_of(table(rows))


@PROPERTY
@given(ROWS, st.data())
def test_any_changed_cell_changes_it(rows, data):
    row, column = data.draw(st.integers(0, len(rows) - 1)), data.draw(st.sampled_from(list(SCHEMA)))
    before = table(rows)
    new = list(rows[row])
    place = list(SCHEMA).index(column)
    new[place] = data.draw(ROW)[place]
    after = table([*rows[:row], tuple(new), *rows[row + 1 :]])
    order = list(SCHEMA)
    same = before.sort(order).equals(after.sort(order), null_equal=True)
    assert (digest_of(before) == digest_of(after)) == same


@PROPERTY
@given(ROWS, st.lists(st.integers(0, 8), max_size=4), st.booleans())
def test_a_table_in_parts_has_the_digest_of_the_whole_however_its_text_is_stored(rows, cuts, coded):
    whole = table(rows).sort("unique_id", "ds", *sorted({*SCHEMA} - {"unique_id", "ds"}))
    towns = pl.Enum(whole["town"].drop_nulls().unique().sort())
    ids = pl.Enum(whole["unique_id"].unique().sort())
    stored = whole.cast({"unique_id": ids, "town": towns}) if coded else whole
    parts = TableDigest(whole.schema)
    for begin, end in pairwise([0, *sorted(min(cut, len(rows)) for cut in cuts), len(rows)]):
        parts.add(stored[begin:end])
    assert parts.hexdigest() == digest_of(whole)


def test_text_does_not_run_over_into_the_next_cell():
    one = pl.DataFrame({"a": ["x", "yz"]})
    assert digest_of(one) != digest_of(pl.DataFrame({"a": ["xy", "z"]}))
    assert digest_of(pl.DataFrame({"a": [None, ""]})) != digest_of(pl.DataFrame({"a": ["", ""]}))


def test_there_is_one_zero_and_one_nan():
    nans = np.array([0x7FF8000000000001, 0xFFF8000000000000], dtype=np.uint64).view(np.float64)
    one, other = ({"y": [zero, 1.0, nan]} for zero, nan in zip((0.0, -0.0), nans, strict=True))
    assert digest_of(pl.DataFrame(one)) == digest_of(pl.DataFrame(other))


def test_names_types_and_sizes_count_and_excluded_columns_do_not():
    frame = pl.DataFrame({"unique_id": ["a"], "y": [1.0]})
    assert digest_of(frame) != digest_of(frame.rename({"y": "z"}))
    assert digest_of(frame) != digest_of(frame.cast({"y": pl.Float32}))
    assert digest_of(frame) != digest_of(frame.clear())
    assert digest_of(frame.with_columns(run_id=pl.lit("r1")), exclude=["run_id"]) == digest_of(frame)


def test_null_slots_and_negative_zero_are_canonical():
    hidden = pl.DataFrame({"y": [5.0, 1.0]}).with_columns(y=pl.when(pl.col("y") < 2).then("y"))
    assert digest_of(hidden) == digest_of(pl.DataFrame({"y": [None, 1.0]}))
    assert digest_of(pl.DataFrame({"y": [-0.0]})) == digest_of(pl.DataFrame({"y": [0.0]}))


def test_the_digest_of_a_known_table_is_fixed():
    frame = pl.DataFrame({"unique_id": ["a", "b"], "ds": [date(2024, 1, 1)] * 2, "y": [1.0, None]})
    assert digest_of(frame) == "e5ad3534385e4bf3fbc8ef8c887de726735aceb69a261e429dbad385e5093662"


def test_nested_columns_are_refused():
    with pytest.raises(TypeError, match="plain columns, got a"):
        digest_of(pl.DataFrame({"a": [[1, 2]]}))


def test_parts_have_the_digest_of_the_whole_without_excluded_columns():
    whole = pl.DataFrame({"y": [-0.0, 1.0, 2.0], "unique_id": ["a", "a", "b"], "ds": [1, 2, 1], "run_id": ["r"] * 3})
    found = digest_of_parts([whole[:1], whole[1:]], exclude=["run_id"])
    assert found == digest_of(whole, exclude=["run_id"]) == digest_of(whole.drop("run_id"))
    with pytest.raises(ValueError, match="at least one part"):
        digest_of_parts([])
