"""The baselines against hand-computed values, the formulas of the books, and statsmodels itself."""

import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError
from statsmodels.tsa.arima_process import arma_generate_sample
from statsmodels.tsa.exponential_smoothing.ets import ETSModel
from statsmodels.tsa.forecasting.theta import ThetaModel
from statsmodels.tsa.statespace.sarimax import SARIMAX

from forecasting.errors import InputError
from forecasting.forecasters.baselines import BaselineSettings, arima, drift, ets, naive, seasonal_naive, theta
from forecasting.forecasters.baselines._css import Orders, fit_arma
from forecasting.forecasters.baselines._seasonal import remove_season, seasonal_strength
from forecasting.forecasters.protocol import Task
from forecasting.series.arrays import FloatArray

Z90 = 1.2815515655446004  # normal quantile of 0.9
LEVELS = (0.1, 0.5, 0.9)


def widths(quantiles: FloatArray) -> FloatArray:
    """sigma_h from the 0.1 and 0.9 quantiles."""
    return (quantiles[:, 2] - quantiles[:, 0]) / (2 * Z90)


def test_naive_by_hand() -> None:
    y_hat, quantiles = naive.forecast(np.array([1.0, 3.0, 2.0, 6.0]), Task(3, LEVELS, 1))

    assert y_hat.tolist() == [6, 6, 6]
    sigma = np.sqrt((4 + 1 + 16) / 3)
    np.testing.assert_allclose(widths(quantiles), sigma * np.sqrt([1, 2, 3]))


def test_naive_of_one_observation_has_no_width() -> None:
    _, quantiles = naive.forecast(np.array([4.0]), Task(2, LEVELS, 1))

    assert quantiles.tolist() == [[4, 4, 4], [4, 4, 4]]


def test_naive_looks_past_a_gap_and_counts_its_steps() -> None:
    y_hat, quantiles = naive.forecast(np.array([1.0, 3.0, np.nan, np.nan]), Task(2, LEVELS, 1))

    assert y_hat.tolist() == [3, 3]
    np.testing.assert_allclose(widths(quantiles), 2 * np.sqrt([3, 4]))


def test_drift_by_hand() -> None:
    y_hat, quantiles = drift.forecast(np.array([1.0, 2.0, 6.0, 7.0]), Task(2, LEVELS, 1))

    assert y_hat.tolist() == [9, 11]  # 2 per step
    sigma = np.sqrt((1 + 4 + 1) / 2)
    np.testing.assert_allclose(widths(quantiles), sigma * np.sqrt([1 * (1 + 1 / 3), 2 * (1 + 2 / 3)]))


def test_seasonal_naive_by_hand() -> None:
    y_hat, quantiles = seasonal_naive.forecast(np.array([1.0, 5.0, 2.0, 9.0, 4.0]), Task(5, LEVELS, 2))

    assert y_hat.tolist() == [9, 4, 9, 4, 9]
    sigma = np.sqrt((1 + 16 + 4) / 3)
    np.testing.assert_allclose(widths(quantiles), sigma * np.sqrt([1, 1, 2, 2, 3]))


def test_seasonal_naive_takes_each_phase_from_where_it_was_last_seen() -> None:
    y = np.array([7.0, 1.0, 2.0, 3.0, np.nan, 5.0, np.nan])  # phases 0 1 2 0 1 2 0

    y_hat, _ = seasonal_naive.forecast(y, Task(3, LEVELS, 3))

    assert y_hat.tolist() == [1, 5, 3]


def test_seasonal_naive_refuses_a_phase_that_was_never_seen() -> None:
    with pytest.raises(ValueError, match="each of the 3 phases"):
        seasonal_naive.forecast(np.array([1.0, np.nan, 3.0, 4.0]), Task(3, LEVELS, 3))


def test_theta_points_are_those_of_statsmodels() -> None:
    y = 50 + 0.4 * np.arange(72) + 6 * np.sin(np.arange(72) * np.pi / 6) + np.random.default_rng(0).normal(size=72)

    y_hat, _ = theta.forecast(y, Task(12, LEVELS, 12))

    expected = ThetaModel(y, period=12, deseasonalize=True).fit().forecast(12)
    np.testing.assert_allclose(y_hat, expected, rtol=1e-3)


def test_theta_spread_is_that_of_smoothing_with_drift_on_the_deseasonalised_series() -> None:
    rng = np.random.default_rng(1)
    level = np.cumsum(rng.normal(0.0, 0.5, 3000))
    season = 20 * np.sin(np.arange(3000) * np.pi / 6)

    _, plain = theta.forecast(level + rng.normal(size=3000), Task(12, LEVELS, 1))
    _, seasonal = theta.forecast(level + season + rng.normal(size=3000), Task(12, LEVELS, 12))

    # innovations of this local level model have variance 1.640, alpha is 0.390 (steady state of the Kalman filter)
    np.testing.assert_allclose(widths(plain) ** 2, 1.640 * (1 + np.arange(12) * 0.390**2), rtol=0.2)
    np.testing.assert_allclose(widths(seasonal), widths(plain), rtol=0.2)  # the season does not widen it


def test_ets_finds_level_trend_and_season() -> None:
    t = np.arange(60)
    y = 10 + 0.5 * t + np.tile([3.0, -1.0, 0.0, -2.0], 15) + np.random.default_rng(2).normal(0, 0.1, 60)

    y_hat, quantiles = ets.forecast(y, Task(8, LEVELS, 4))

    truth = 10 + 0.5 * np.arange(60, 68) + np.tile([3.0, -1.0, 0.0, -2.0], 2)
    np.testing.assert_allclose(y_hat, truth, atol=0.4)
    assert (widths(quantiles) < 0.5).all()


def test_ets_takes_a_season_that_grows_with_the_level_as_multiplicative() -> None:
    t = np.arange(72)
    y = 100 * 1.02**t * np.tile([1.5, 0.8, 1.0, 0.7], 18) * np.exp(np.random.default_rng(3).normal(0, 0.02, 72))

    y_hat, quantiles = ets.forecast(y, Task(8, LEVELS, 4))

    truth = 100 * 1.02 ** np.arange(72, 80) * np.tile([1.5, 0.8, 1.0, 0.7], 2)
    np.testing.assert_allclose(y_hat, truth, rtol=0.08)
    np.testing.assert_allclose(quantiles[:, 0] * quantiles[:, 2], y_hat**2)  # symmetric in the logarithm


@pytest.mark.parametrize(("trend", "damped"), [(None, False), ("add", False), ("add", True)])
@pytest.mark.parametrize("seasonal", [False, True])
def test_ets_spread_agrees_with_simulation(trend: str | None, damped: bool, seasonal: bool) -> None:
    y = np.cumsum(np.random.default_rng(4).normal(size=80)) + np.tile([3.0, -1.0, 0.0, -2.0], 20)
    model = ETSModel(
        y,
        trend=trend,
        damped_trend=damped,
        seasonal="add" if seasonal else None,
        seasonal_periods=4 if seasonal else None,
    )
    results = model.fit(disp=False)

    sigma = ets._sigma(ets._Fit(0.0, False, seasonal, 0.0, 1.0, 1, results), 4, 10)  # one parameter: variance over T

    errors = np.sqrt(results.mse) * np.random.default_rng(5).standard_normal((10, 4000))
    paths = results.simulate(10, anchor="end", repetitions=4000, random_errors=errors)
    np.testing.assert_allclose(sigma, paths.std(axis=1), rtol=0.06)


@pytest.mark.parametrize("kind", [ets, arima])
def test_a_long_season_goes_through_stl(kind: object) -> None:
    t = np.arange(52 * 5)
    season = 10 * np.sin(2 * np.pi * t / 52)
    y = 300 + 0.05 * t + season + np.random.default_rng(6).normal(0, 0.3, len(t))

    y_hat, _ = kind.forecast(y, Task(52, LEVELS, 52))  # type: ignore[attr-defined]

    ahead = np.arange(len(t), len(t) + 52)
    truth = 300 + 0.05 * ahead + 10 * np.sin(2 * np.pi * ahead / 52)
    assert np.abs(y_hat - truth).mean() < 1.0


def test_a_long_season_seen_less_than_twice_is_not_modelled() -> None:
    y = np.random.default_rng(7).normal(size=103)

    adjusted, season, left = remove_season(y, Task(5, LEVELS, 52), longest=12)

    assert left == 1
    assert season.tolist() == [0] * 5
    np.testing.assert_array_equal(adjusted, y)


def test_seasonal_strength_is_near_one_for_a_season_and_low_for_noise() -> None:
    rng = np.random.default_rng(8)

    assert seasonal_strength(np.tile([0.0, 1.0, 5.0, 2.0], 20) + rng.normal(0, 0.1, 80), 4) > 0.95
    assert seasonal_strength(rng.normal(size=80), 4) < 0.6


def test_arima_forecasts_an_autoregression_as_its_formula_says() -> None:
    y = 5 + arma_generate_sample([1, -0.8], [1], 400, distrvs=np.random.default_rng(9).standard_normal)

    y_hat, quantiles = arima.forecast(y, Task(6, LEVELS, 1))

    powers = 0.8 ** np.arange(1, 7)
    np.testing.assert_allclose(y_hat, 5 + powers * (y[-1] - 5), atol=0.35)
    np.testing.assert_allclose(widths(quantiles), np.sqrt(np.cumsum(np.r_[1, powers[:-1]] ** 2)), rtol=0.12)


def test_arima_continues_a_random_walk_with_drift() -> None:
    y = np.cumsum(np.random.default_rng(10).normal(0.5, 1.0, 300))

    y_hat, quantiles = arima.forecast(y, Task(10, LEVELS, 1))

    np.testing.assert_allclose(np.diff(y_hat), 0.5, atol=0.25)
    np.testing.assert_allclose(widths(quantiles), np.sqrt(np.arange(1, 11)), rtol=0.3)


def test_arima_finds_the_season_of_an_airline_series() -> None:
    rng = np.random.default_rng(11)
    y = np.cumsum(rng.normal(0, 0.2, 96)) + np.tile(10 * np.sin(np.arange(12) * np.pi / 6), 8) + rng.normal(0, 0.2, 96)

    y_hat, _ = arima.forecast(y[:-12], Task(12, LEVELS, 12))

    assert np.abs(y_hat - y[-12:]).mean() < 1.0


@pytest.mark.parametrize("orders", [Orders(2, 1, 0, 0, True), Orders(1, 0, 1, 0, False), Orders(0, 2, 0, 1, True)])
def test_quick_fits_come_close_to_exact_maximum_likelihood(orders: Orders) -> None:
    w = arma_generate_sample([1, -0.5], [1, 0.4], 300, distrvs=np.random.default_rng(12).standard_normal)

    fit = fit_arma(w, orders, 4)

    season = (orders.P, 0, orders.Q, 4) if orders.P + orders.Q else (0, 0, 0, 0)
    exact = SARIMAX(w, order=(orders.p, 0, orders.q), seasonal_order=season, trend="c" if orders.mean else None)
    best = exact.fit(disp=False, cov_type="none").llf
    assert fit is not None
    assert exact.loglike(fit.params) > best - 2.0
    k = orders.n_parameters
    assert fit.aicc == pytest.approx(-2 * exact.loglike(fit.params) + 2 * k * 300 / (299 - k))


def test_settings_take_their_name_from_the_kind_and_refuse_bad_values() -> None:
    adapter = TypeAdapter(BaselineSettings)

    assert adapter.validate_python({"kind": "ets"}) == BaselineSettings("ets", name="ets", max_seconds=30.0)
    assert BaselineSettings("ets", name="slow_ets").name == "slow_ets"
    with pytest.raises(InputError, match="a baseline must be one of arima, drift, ets"):
        BaselineSettings("prophet")
    with pytest.raises(InputError, match="max_seconds must be above 0, got 0"):
        BaselineSettings("ets", max_seconds=0)
    with pytest.raises(InputError, match="max_history must be at least 1, got 0"):
        BaselineSettings("ets", max_history=0)
    with pytest.raises(ValidationError, match="speed"):
        adapter.validate_python({"kind": "ets", "speed": 3})
