"""Naive baselines and the seasonal adjustment of the M-competitions, by hand and against statsmodels and statsforecast."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsforecast.models import WindowAverage
from statsmodels.tsa.seasonal import seasonal_decompose

from forecasting.forecasters.baselines.decomposition import deseasonalise, is_seasonal, seasonal_indices
from forecasting.forecasters.baselines.histories import Histories, histories
from forecasting.forecasters.baselines.table import BASELINES, forecast_history
from forecasting.forecasters.protocol import Task
from forecasting.series.arrays.series_arrays import FloatArray, Origins
from tests.forecasters.panels import panel

Z90 = 1.2815515655446004  # normal quantile of 0.9
LEVELS = (0.1, 0.5, 0.9)


def widths(quantiles: FloatArray) -> FloatArray:
    """sigma_h from the 0.1 and 0.9 quantiles."""
    return (quantiles[:, 2] - quantiles[:, 0]) / (2 * Z90)


def test_naive_by_hand() -> None:
    y_hat, quantiles = forecast_history("naive", np.array([1.0, 3.0, 2.0, 6.0]), Task(3, LEVELS, 1))

    assert y_hat.tolist() == [6, 6, 6]
    sigma = np.sqrt((4 + 1 + 16) / 3)
    np.testing.assert_allclose(widths(quantiles), sigma * np.sqrt([1, 2, 3]))


def test_naive_of_one_observation_has_no_width() -> None:
    _, quantiles = forecast_history("naive", np.array([4.0]), Task(2, LEVELS, 1))

    assert quantiles.tolist() == [[4, 4, 4], [4, 4, 4]]


def test_drift_by_hand() -> None:
    y_hat, quantiles = forecast_history("drift", np.array([1.0, 2.0, 6.0, 7.0]), Task(2, LEVELS, 1))

    assert y_hat.tolist() == [9, 11]  # 2 per step
    sigma = np.sqrt((1 + 4 + 1) / 2)
    np.testing.assert_allclose(widths(quantiles), sigma * np.sqrt([1 * (1 + 1 / 3), 2 * (1 + 2 / 3)]))


def test_seasonal_naive_by_hand() -> None:
    y_hat, quantiles = forecast_history("seasonal_naive", np.array([1.0, 5.0, 2.0, 9.0, 4.0]), Task(5, LEVELS, 2))

    assert y_hat.tolist() == [9, 4, 9, 4, 9]
    sigma = np.sqrt((1 + 16 + 4) / 3)
    np.testing.assert_allclose(widths(quantiles), sigma * np.sqrt([1, 1, 2, 2, 3]))


def test_window_average_by_hand() -> None:
    y_hat, quantiles = forecast_history("window_average", np.array([1.0, 3.0, 5.0, 9.0]), Task(3, LEVELS, 2))

    assert y_hat.tolist() == [7, 7, 7]
    # averages 2, 4 before the last; errors one step ahead 5 - 2 and 9 - 4, two steps ahead 9 - 2, none further
    np.testing.assert_allclose(widths(quantiles), [np.sqrt((9 + 25) / 2), 7, 7])


def test_window_average_is_that_of_statsforecast() -> None:
    y = np.random.default_rng(0).normal(size=40)

    y_hat, _ = forecast_history("window_average", y, Task(3, LEVELS, 7))

    np.testing.assert_allclose(y_hat, WindowAverage(7).forecast(y, 3)["mean"])


@pytest.mark.parametrize("kind", [kind for kind, row in BASELINES.items() if row.forecast_all])
def test_a_history_is_forecast_alike_alone_and_among_others(kind: str) -> None:
    rng = np.random.default_rng(1)
    parts = [scale * rng.normal(size=n) for scale, n in ((1e9, 30), (1.0, 11), (1e-6, 57))]
    task = Task(5, LEVELS, 4)
    together = Histories(np.concatenate(parts), np.cumsum([0, *map(len, parts)]))

    forecast_all = BASELINES[kind].forecast_all
    assert forecast_all is not None
    mean_OH, sigma_OH = forecast_all(together, task)

    for i, y in enumerate(parts):
        alone = forecast_all(Histories(y, np.array([0, len(y)])), task)
        assert mean_OH[i].tobytes() == alone[0][0].tobytes()
        assert sigma_OH[i].tobytes() == alone[1][0].tobytes()


def test_histories_are_cut_filled_as_of_their_origin_and_no_longer_than_asked() -> None:
    arrays = panel({"a": [1, 2, np.nan, np.nan, 5, 6], "b": [7, 8]}, 3)
    origins = Origins(np.array([0, 1, 0]), np.array([3, 10, 5]), np.zeros(3, dtype=np.int64))

    found = histories(arrays, origins, longest=4)

    assert found.starts.tolist() == [0, 4, 6, 10]
    assert found.values_N.tolist() == [1, 2, 2, 2, 7, 8, 2, 2, 5, 6]


@pytest.mark.parametrize("m", [4, 7, 12])
@pytest.mark.parametrize("model", ["additive", "multiplicative"])
def test_seasonal_indices_are_those_of_classical_decomposition(m: int, model: str) -> None:
    y = 20 + np.random.default_rng(m).gamma(2.0, size=5 * m + 3)

    ours = seasonal_indices(y, m, model == "multiplicative")

    np.testing.assert_allclose(ours, seasonal_decompose(y, model=model, period=m).seasonal[:m])


@given(st.lists(st.floats(-1e3, 1e3), min_size=13, max_size=40))
def test_the_season_that_is_taken_out_goes_back(values: list[float]) -> None:
    """Where the steps ahead are the phases of the last season, adding its index gives the history back."""
    y = np.array(values)

    adjusted, season = deseasonalise(y, 4)

    ahead = season.restore(adjusted[-4:])
    np.testing.assert_allclose(ahead, y[-4:], rtol=1e-6, atol=1e-6 * (1 + np.abs(y).max()))


def test_a_season_is_found_where_there_is_one_and_needs_three_of_them() -> None:
    season = np.tile([1.0, 5.0, 2.0, 8.0], 6)

    assert is_seasonal(season, 4)
    assert not is_seasonal(np.tile(season[:8], 2)[:11], 4)
    assert not is_seasonal(np.random.default_rng(2).normal(size=400), 4)
    assert not is_seasonal(np.full(12, 3.0), 4)
    assert not is_seasonal(season, 1)


def test_naive2_is_the_last_value_with_the_index_of_its_phase() -> None:
    y = np.tile([1.0, 2.0, 3.0, 6.0], 4)[:-1]

    y_hat, _ = forecast_history("naive2", y, Task(5, LEVELS, 4))

    np.testing.assert_allclose(y_hat, [6, 1, 2, 3, 6])


def test_a_series_with_values_below_zero_is_adjusted_by_sums() -> None:
    y = np.tile([-1.0, 2.0, 3.0, 6.0], 5)

    _, season = deseasonalise(y, 4)

    assert not season.multiplicative
    np.testing.assert_allclose(season.over(4), [-3.5, -0.5, 0.5, 3.5])
