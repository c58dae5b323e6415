import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from forecasting.series.arrays.as_of import as_of
from forecasting.series.arrays.series_arrays import Origins
from forecasting.series.arrays.unlearnable import unknown_ahead, unlearnable
from tests.series.examples import PROPERTY, arrays_of, numbered

VALUES = st.lists(st.sampled_from([None, 0.0, 1.0]), min_size=1, max_size=12).filter(
    lambda values: any(y is not None for y in values)
)


def at(rows: list[int], series: list[int] | None = None) -> Origins:
    return Origins(np.array(series or [0] * len(rows)), np.array(rows), np.zeros(len(rows), int))


def test_a_history_is_constant_until_its_first_other_value():
    arrays = arrays_of(numbered({"a": [3.0, None, 3.0, 4.0, 3.0]}))
    assert unlearnable(arrays, at([0, 2, 3, 4])).tolist() == [
        None,
        "constant: all 2 observed values are equal",
        None,
        None,
    ]


def test_a_history_is_stale_where_more_than_max_gap_periods_are_missing_at_its_end():
    frame = numbered({"a": [1.0, 2.0, None, None, None, 5.0]})
    arrays = arrays_of(frame, max_gap=2)
    assert unlearnable(arrays, at([1, 3, 4, 5])).tolist() == [
        None,
        None,
        "stale: no y in the last 3 periods, max_gap is 2",
        None,
    ]
    assert not any(unlearnable(arrays_of(frame), at([4])))


def test_a_covariate_that_is_not_known_ahead_is_named_for_the_origins_that_lack_it():
    frame = numbered({"a": [1.0, None, None], "b": [1.0, None, None]}).with_columns(
        price=np.array([1.0, 2.0, 3.0, 1.0, 2.0, np.nan]), promo=np.array([1.0, 1.0, 1.0, 1.0, np.nan, np.nan])
    )
    arrays = arrays_of(frame, known_future=["price", "promo"])
    origins = Origins(np.array([0, 1]), arrays.last_observed, np.zeros(2, int))
    assert unknown_ahead(arrays, origins, 2).tolist() == [None, "not known over the horizon: price, promo"]


@PROPERTY
@given(st.dictionaries(st.sampled_from("abc"), VALUES, min_size=1), st.data())
def test_no_later_value_decides_it(series, data):
    arrays = arrays_of(numbered(series), max_gap=1)
    rows = [
        data.draw(st.integers(int(a), int(b) - 1)) for a, b in zip(arrays.offsets, arrays.offsets[1:], strict=False)
    ]
    origins = at(rows, list(range(arrays.n_series)))
    assert unlearnable(arrays, origins).tolist() == unlearnable(as_of(arrays, origins), origins).tolist()
