"""Forecasts without holes: who serves a failed row, and what the row says."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from forecasting.errors import InputError
from forecasting.forecasters.baselines.forecaster import LocalForecaster
from forecasting.forecasters.baselines.settings import BaselineSettings
from forecasting.forecasters.fallback import forecast_with_fallback
from forecasting.forecasters.protocol import FitReport, Forecast, Task, failed_forecast, no_progress, to_frame
from forecasting.processes import Progress
from forecasting.series.arrays.series_arrays import Origins, SeriesArrays
from tests.forecasters.panels import last_origins, panel

TASK = Task(horizon=2, quantile_levels=(0.1, 0.5, 0.9), season_length=3)


class Fixed:
    """Gives a forecast that the test has made."""

    name = "fixed"

    def __init__(self, forecast: Forecast, task: Task = TASK) -> None:
        self.task = task
        self._forecast = forecast

    def fit(self, arrays: SeriesArrays, until: Origins, inner: Origins, on_progress: Progress) -> FitReport:
        return FitReport()

    def forecast(self, arrays: SeriesArrays, origins: Origins, on_progress: Progress) -> Forecast:
        return self._forecast

    def save(self, folder: Path) -> None:
        """Nothing to keep."""


def served(value: float, n: int = 1) -> Forecast:
    forecast = failed_forecast(n, TASK, "x")
    return Forecast(
        np.full_like(forecast.y_hat, value),
        np.full_like(forecast.quantiles, value),
        np.full(n, None, dtype=object),
        forecast.fallback,
    )


def test_a_row_that_the_forecaster_serves_is_left_alone() -> None:
    arrays = panel({"a": [1.0, 2.0, 3.0, 4.0]}, 2)

    forecast = forecast_with_fallback(Fixed(served(7.0)), "seasonal_naive", arrays, last_origins(arrays), no_progress)

    assert forecast.y_hat.tolist() == [[7, 7]]
    assert forecast.fallback.tolist() == [None]


def test_a_failed_row_comes_from_the_fallback_and_says_why() -> None:
    arrays = panel({"long": [1.0, 2.0, 3.0, 4.0, 5.0], "short": [6.0, 8.0]}, 2)
    failing = Fixed(failed_forecast(2, TASK, "fixed: broke"))

    forecast = forecast_with_fallback(failing, "seasonal_naive", arrays, last_origins(arrays), no_progress)

    assert forecast.y_hat.tolist() == [[3, 4], [8, 8]]
    assert forecast.fallback.tolist() == [
        "fixed: broke; forecast by seasonal_naive",
        "fixed: broke; forecast by naive",  # shorter than a season
    ]
    assert to_frame(forecast, arrays, last_origins(arrays), TASK).height == 4


def test_only_the_failed_rows_are_replaced() -> None:
    arrays = panel({"a": [1.0, 2.0, 3.0, 4.0, 5.0], "b": [1.0, 2.0, 1.0, 2.0, 1.0]}, 2)
    mixed = served(7.0, n=2)
    mixed.failed[1], mixed.y_hat[1] = "too hard", np.nan

    forecast = forecast_with_fallback(Fixed(mixed), "drift", arrays, last_origins(arrays), no_progress)

    assert forecast.y_hat.tolist() == [[7, 7], [1, 1]]
    assert forecast.fallback.tolist() == [None, "too hard; forecast by drift"]
    assert forecast.failed.tolist() == [None, None]
    assert mixed.failed.tolist() == [None, "too hard"]  # the forecaster's own answer stays as it was


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_silent_hole_counts_as_a_failure(value: float) -> None:
    arrays = panel({"a": [1.0, 2.0, 3.0, 4.0, 5.0]}, 2)
    holed = served(7.0)
    holed.quantiles[0, 1, 2] = value

    forecast = forecast_with_fallback(Fixed(holed), "naive", arrays, last_origins(arrays), no_progress)

    assert forecast.fallback.tolist() == ["the forecaster gave a non-finite forecast; forecast by naive"]
    assert np.isfinite(forecast.quantiles).all()


@pytest.mark.parametrize(("non_negative", "lowest"), [(True, 0.0), (False, -7.0)])
def test_forecasts_stop_at_zero_where_the_task_says_so(non_negative: bool, lowest: float) -> None:
    arrays = panel({"a": [1.0, 2.0, 3.0, 4.0]}, 2)
    below = Fixed(served(-7.0), replace(TASK, non_negative=non_negative))

    forecast = forecast_with_fallback(below, "naive", arrays, last_origins(arrays), no_progress)

    assert forecast.y_hat.min() == lowest
    assert forecast.quantiles.min() == lowest


def test_a_seasonal_naive_that_is_too_short_for_itself_leaves_the_naive() -> None:
    arrays = panel({"a": [5.0]}, 2)
    forecaster = LocalForecaster(BaselineSettings("seasonal_naive"), TASK)

    forecast = forecast_with_fallback(forecaster, "seasonal_naive", arrays, last_origins(arrays), no_progress)

    assert forecast.y_hat.tolist() == [[5, 5]]
    assert forecast.fallback[0] == "seasonal_naive: needs at least 4 observations, got 1; forecast by naive"


def test_an_unknown_fallback_is_refused() -> None:
    arrays = panel({"a": [5.0]}, 2)

    with pytest.raises(InputError, match=r"got 'median': set prediction\.fallback"):
        forecast_with_fallback(Fixed(served(1.0)), "median", arrays, last_origins(arrays), no_progress)


def test_a_network_is_not_asked_of_a_constant_history_and_a_baseline_is() -> None:
    arrays = panel({"flat": [2.0, 2.0, 2.0, 2.0], "moves": [1.0, 2.0, 3.0, 4.0]}, 2)
    origins = last_origins(arrays)

    by_network = forecast_with_fallback(Fixed(served(7.0)), "naive", arrays, origins, no_progress)
    by_baseline = forecast_with_fallback(
        LocalForecaster(BaselineSettings("naive"), TASK), "naive", arrays, origins, no_progress
    )

    assert by_network.y_hat.tolist() == [[2, 2], [7, 7]]
    assert by_network.fallback.tolist() == ["constant: all 4 observed values are equal; forecast by naive", None]
    assert by_baseline.fallback.tolist() == [None, None]


def test_a_declined_origin_falls_back_with_the_reason_given() -> None:
    arrays = panel({"a": [1.0, 2.0, 3.0, 4.0], "b": [4.0, 3.0, 2.0, 1.0]}, 2)
    declined = np.array([None, "not known over the horizon: price"], dtype=object)

    forecast = forecast_with_fallback(Fixed(served(7.0)), "naive", arrays, last_origins(arrays), no_progress, declined)

    assert forecast.y_hat.tolist() == [[7, 7], [1, 1]]
    assert forecast.fallback.tolist() == [None, "not known over the horizon: price; forecast by naive"]
