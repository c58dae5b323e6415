"""The two engines beside each other: where they agree, and by how much."""

import numpy as np
import pytest
from statsforecast.models import AutoARIMA, Holt, SimpleExponentialSmoothingOptimized, Theta

from forecasting.forecasters.baselines.forecaster import LocalForecaster
from forecasting.forecasters.baselines.settings import BaselineSettings
from forecasting.forecasters.baselines.table import BASELINES, forecast_history
from forecasting.forecasters.protocol import Task, no_progress
from forecasting.series.arrays.series_arrays import FloatArray
from tests.forecasters.panels import last_origins, panel

TASK = Task(12, (0.1, 0.5, 0.9), 12)

# Median over series of the mean distance between the two point forecasts, in units of the mean one-step change of the
# series; measured, and given a third of slack.
DISTANCES = {
    "ses": 0.0003,
    "holt": 0.004,
    "damped_holt": 0.024,
    "comb": 0.006,
    "theta": 0.0003,
    "stl_ets": 0.0007,
    "ets": 0.17,  # seasonal forms have many starting values, and the optimisers stop at different ones
    "arima": 0.07,
}


def monthly_series(n: int = 12) -> list[FloatArray]:
    """Level, trend and season that change slowly, of all strengths."""
    rng = np.random.default_rng(20)
    found = []
    for i in range(n):
        t = np.arange(72 + 6 * i)
        season = rng.normal(0, 3 * (i % 3), 12)[t % 12]
        found.append(
            100 + rng.normal(0, 0.5) * t + season + np.cumsum(rng.normal(0, 1, len(t))) + rng.normal(0, 1, len(t))
        )
    return found


def test_each_baseline_with_two_engines_has_a_measured_distance() -> None:
    assert set(DISTANCES) == {kind for kind, row in BASELINES.items() if row.engines and not row.members}


@pytest.mark.parametrize("kind", [kind for kind in DISTANCES if kind != "arima"])
def test_engines_agree_as_measured(kind: str) -> None:
    assert distance(kind, monthly_series()) < DISTANCES[kind]


@pytest.mark.slow
def test_engines_agree_on_arima_as_measured() -> None:
    assert distance("arima", monthly_series(6)) < DISTANCES["arima"]


def distance(kind: str, series: list[FloatArray]) -> float:
    distances = []
    for y in series:
        one, two = (forecast_history(kind, y, TASK, engine)[0] for engine in BASELINES[kind].engines)
        distances.append(np.abs(one - two).mean() / np.abs(np.diff(y)).mean())
    return float(np.median(distances))


@pytest.mark.parametrize(
    ("kind", "model", "share"),
    [("ses", SimpleExponentialSmoothingOptimized(), 0.1), ("holt", Holt(1), 0.1), ("theta", Theta(1), 0.3)],
)
def test_the_engine_statsforecast_forecasts_what_its_own_model_does(kind: str, model: object, share: float) -> None:
    """In units of the one-step change: starting values, bounds and (Theta: errors up to three steps) criterion differ."""
    for y in monthly_series(6):
        ours, _ = forecast_history(kind, y, Task(6, TASK.quantile_levels, 1), "statsforecast")
        theirs = model.forecast(y, 6)["mean"]  # type: ignore[attr-defined]
        assert np.abs(ours - theirs).mean() < share * np.abs(np.diff(y)).mean()


def test_arima_of_statsforecast_is_its_own_model() -> None:
    y = monthly_series(1)[0]
    task = Task(6, (0.1, 0.5, 0.9), 1)

    y_hat, quantiles = forecast_history("arima", y, task, "statsforecast")

    theirs = AutoARIMA(season_length=1).forecast((y - y.mean()) / y.std(), 6, level=[80])
    np.testing.assert_allclose(y_hat, y.mean() + y.std() * theirs["mean"])
    np.testing.assert_allclose(quantiles[:, 0], y.mean() + y.std() * np.ravel(theirs["lo-80"]))


def test_the_engine_of_the_settings_is_the_one_that_fits() -> None:
    arrays = panel({"a": monthly_series(1)[0]}, TASK.horizon)

    for engine in ("statsmodels", "statsforecast"):
        forecaster = LocalForecaster(BaselineSettings("ets", engine=engine), TASK)  # type: ignore[arg-type]
        forecast = forecaster.forecast(arrays, last_origins(arrays), no_progress)
        expected = forecast_history("ets", arrays.y[:72], TASK, engine)
        np.testing.assert_array_equal(forecast.y_hat[0], expected[0])
