import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecasting.forecasters.recurrent.validation import naive_errors
from forecasting.series.arrays.series_arrays import Origins
from tests.evaluation.conftest import make_arrays, origins_at

VALUE = st.none() | st.floats(-1e6, 1e6)
SERIES = st.lists(VALUE, min_size=1, max_size=9).filter(lambda values: any(v is not None for v in values))


def test_the_error_of_a_history_is_its_mean_seasonal_change():
    arrays = make_arrays({"a": [1.0, 2.0, 4.0, 8.0], "b": [5.0]}, 1)
    origins = origins_at(arrays, ("a", 3), ("a", 1), ("a", 0), ("b", 0))
    # Seasons of 2: |4 - 1| and |8 - 2|; a history of two is no longer than a season, so its neighbours count.
    assert naive_errors(arrays, origins, 2) == pytest.approx([4.5, 1.0, np.nan, np.nan], nan_ok=True)


@given(st.lists(SERIES, min_size=1, max_size=5), st.integers(1, 4))
def test_the_bits_of_an_error_are_those_of_its_history_alone(series, season):
    arrays = make_arrays({f"s{i}": values for i, values in enumerate(series)}, 2)
    rows = [(s, r) for s, last in enumerate(arrays.last_observed) for r in range(arrays.offsets[s], last + 1)]
    which, row = (np.array(x, dtype=np.int64) for x in zip(*rows, strict=True))
    found = naive_errors(arrays, Origins(which, row, np.zeros_like(row)), season)
    for (s, r), error in zip(rows, found, strict=True):
        history = arrays.history(s, r)
        lag = season if len(history) > season else 1
        changes = np.abs(history[lag:] - history[:-lag])
        assert np.array_equal(error, changes.mean() if len(changes) else np.nan, equal_nan=True)
