import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecasting.series.arrays.as_of import as_of
from forecasting.series.arrays.series_arrays import Origins
from tests.series.examples import PROPERTY, arrays_of, numbered

NAN = np.nan
VALUES = st.lists(st.one_of(st.none(), st.floats(-9, 9)), min_size=1, max_size=12).filter(
    lambda values: any(y is not None for y in values)
)
FILLS = st.sampled_from(["none", "forward", "interpolate", "seasonal", "zero"])


def test_a_gap_that_the_cutoff_cuts_through_is_filled_from_the_past():
    arrays = arrays_of(numbered({"a": [1.0, None, 3.0, 4.0], "b": [5.0, 6.0]}), horizon=1)
    known = as_of(arrays, Origins(np.array([0]), np.array([1]), np.array([0])))
    np.testing.assert_array_equal(known.y, [1] + [NAN] * 7)
    np.testing.assert_array_equal(known.full, [1, 1, 1, 1, 1, NAN, NAN, NAN])
    assert known.last_observed.tolist() == [0, 4]
    assert known.observed_before.tolist() == [1, 1, 1, 1, 1, 0, 0, 0]
    np.testing.assert_array_equal(arrays.y[:4], [1, NAN, 3, 4])


def test_past_covariates_are_blanked_and_known_future_ones_stay():
    frame = numbered({"a": [1.0, 2.0]}).with_columns(stock=pl.Series([7.0, 8.0]), price=pl.Series([3.0, 4.0]))
    arrays = arrays_of(frame, horizon=1, past=["stock"], known_future=["price"])
    known = as_of(arrays, Origins(np.array([0]), np.array([0]), np.array([0])))
    np.testing.assert_array_equal(known.past[:, 0], [7, NAN, NAN])
    np.testing.assert_array_equal(known.known_future[:, 0], [3, 4, NAN])


def test_two_origins_of_one_series_are_refused():
    arrays = arrays_of(numbered({"a": [1.0, 2.0]}))
    with pytest.raises(ValueError, match="one origin per series"):
        as_of(arrays, Origins(np.array([0, 0]), np.array([0, 1]), np.array([0, 1])))


@PROPERTY
@given(st.dictionaries(st.sampled_from("abc"), VALUES, min_size=1), FILLS, st.data())
def test_it_equals_arrays_built_from_the_truncated_table(series, fill, data):
    frame = numbered(series)
    arrays = arrays_of(frame, fill=fill)
    ends = arrays.offsets[1:] - 3  # the last row that lies within the table
    rows = np.array([data.draw(st.integers(int(a), int(b))) for a, b in zip(arrays.offsets, ends, strict=False)])
    known = as_of(arrays, Origins(np.arange(arrays.n_series), rows, np.zeros(arrays.n_series, int)))
    cutoffs = pl.DataFrame({"unique_id": arrays.ids, "cutoff": arrays.ds.gather(rows)})
    cut = arrays_of(frame.join(cutoffs, on="unique_id").filter(pl.col("ds") <= pl.col("cutoff")), fill=fill)
    for s in range(arrays.n_series):
        length = rows[s] - arrays.offsets[s] + 1
        mine = slice(arrays.offsets[s], arrays.offsets[s] + length)
        theirs = slice(cut.offsets[s], min(cut.offsets[s] + length, cut.offsets[s + 1]))
        for name in ("y", "full", "causal", "observed_before"):
            shared = theirs.stop - theirs.start
            np.testing.assert_array_equal(getattr(known, name)[mine][:shared], getattr(cut, name)[theirs])
        assert known.last_observed[s] - arrays.offsets[s] == cut.last_observed[s] - cut.offsets[s]
