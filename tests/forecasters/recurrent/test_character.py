"""The numbers that defaults go by, by hand."""

import numpy as np
import pytest

from forecasting.forecasters.recurrent.character import character_of
from tests.forecasters.panels import last_origins, panel


def character(*series, season=2):
    arrays = panel({f"s{i}": np.asarray(y, dtype=float) for i, y in enumerate(series)}, 1)
    return character_of(arrays, last_origins(arrays), season, 7)


def test_variation_is_the_deviation_over_the_mean_size_of_the_median_series():
    assert character([1, 3], [10, 10], [0, 4]).variation == pytest.approx(0.5)
    assert np.isnan(character([0.0, 0.0]).variation)


def test_a_season_that_repeats_has_no_error_and_one_that_does_not_more_than_its_mean():
    assert character([1, 5] * 6).season_error == 0.0
    # Means of two: 2, 2, 3; what comes two steps later: 4, 6, 2; a season ago there were 1, 3, 3 .. of the rows before.
    y = [1.0, 3.0, 1.0, 5.0, 4.0]
    means, ahead, before = np.array([2.0, 2.0]), np.array([5.0, 4.0]), np.array([3.0, 1.0])
    assert character(y).season_error == pytest.approx(np.abs(ahead - before).mean() / np.abs(ahead - means).mean())


def test_series_shorter_than_two_seasons_tell_nothing_of_it():
    assert np.isnan(character([1, 2, 3, 4]).season_error)
    assert np.isnan(character([1, 2, 3, 4, 5, 6], season=1).season_error)


def test_one_negative_value_is_enough():
    assert character([1, 2], [3, 0]).non_negative
    assert not character([1, 2], [3, -1]).non_negative


def test_rows_after_the_last_known_one_are_not_looked_at():
    arrays = panel({"a": np.array([1.0, 5, 1, 5, 1, 5, -900, 77])}, 1)
    seen = character_of(arrays, last_origins(arrays, (2,)), 2, 7)
    assert (seen.history, seen.non_negative, seen.season_error) == (6, True, 0.0)
