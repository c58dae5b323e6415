import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecasting.series.arrays.scale import in_sample_scale
from tests.evaluation.conftest import make_arrays, origins_at


def test_the_scale_is_the_mean_change_over_one_season_up_to_the_cutoff() -> None:
    arrays = make_arrays({"a": [1, 2, 4, 8, 100]}, horizon=1)
    absolute, squared = in_sample_scale(arrays, origins_at(arrays, ("a", 2), ("a", 3)), season_length=2)
    assert absolute == pytest.approx([3.0, (3 + 6) / 2])
    assert squared == pytest.approx([9.0, (9 + 36) / 2])


def test_only_pairs_of_observed_values_count() -> None:
    arrays = make_arrays({"a": [1, None, 4, 6, None, 9, 9]}, horizon=1)
    absolute, _ = in_sample_scale(arrays, origins_at(arrays, ("a", 3), ("a", 4), ("a", 6)), season_length=1)
    assert absolute == pytest.approx([2.0, 2.0, (2 + 0) / 2])


def test_no_pair_gives_nan_and_a_constant_series_gives_zero() -> None:
    arrays = make_arrays({"short": [1, 2], "large": [1e12, 3, 9], "flat": [7, 5, 7, 5]}, horizon=1)
    absolute, squared = in_sample_scale(arrays, origins_at(arrays, ("short", 1), ("flat", 3)), season_length=2)
    np.testing.assert_array_equal(absolute, [np.nan, 0.0])
    np.testing.assert_array_equal(squared, [np.nan, 0.0])


def test_a_large_series_before_it_costs_a_small_series_no_digit() -> None:
    arrays = make_arrays({"large": [0, 1e15, 0, 1e15], "small": [0.0, 1e-3, 0.0, 1e-3]}, horizon=1)
    absolute, _ = in_sample_scale(arrays, origins_at(arrays, ("small", 3), ("large", 3)), season_length=1)
    assert absolute == pytest.approx([1e-3, 1e15], rel=1e-14)


@given(
    y=st.lists(st.none() | st.floats(-1e3, 1e3), min_size=1, max_size=15).filter(lambda v: v[0] is not None),
    season_length=st.integers(1, 4),
    data=st.data(),
)
def test_the_scale_equals_a_loop_over_pairs(y, season_length, data) -> None:
    arrays = make_arrays({"other": [5, 6], "a": y}, horizon=2)
    cutoff = data.draw(st.integers(0, len(y) - 1))
    pairs = [(y[t], y[t - season_length]) for t in range(season_length, cutoff + 1)]
    changes = [abs(now - then) for now, then in pairs if now is not None and then is not None]
    absolute, _ = in_sample_scale(arrays, origins_at(arrays, ("a", cutoff)), season_length)
    assert absolute == pytest.approx([np.mean(changes) if changes else np.nan], abs=1e-9, nan_ok=True)
