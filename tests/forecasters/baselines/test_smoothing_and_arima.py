"""Exponential smoothing, Theta and ARIMA against the formulas of the books, statsmodels, and series made to be known."""

import numpy as np
import pytest
from statsmodels.tsa.arima_process import arma_generate_sample
from statsmodels.tsa.exponential_smoothing.ets import ETSModel
from statsmodels.tsa.statespace.sarimax import SARIMAX

from forecasting.forecasters.baselines.css import Orders, fit_arma
from forecasting.forecasters.baselines.decomposition import deseasonalise
from forecasting.forecasters.baselines.engine import ENGINES, Trend, engine_of
from forecasting.forecasters.baselines.long_season import remove_season, seasonal_strength
from forecasting.forecasters.baselines.smoothing import Form, fit_form
from forecasting.forecasters.baselines.table import forecast_history
from forecasting.forecasters.protocol import Task
from forecasting.series.arrays.series_arrays import FloatArray

Z90 = 1.2815515655446004  # normal quantile of 0.9
LEVELS = (0.1, 0.5, 0.9)


def widths(quantiles: FloatArray) -> FloatArray:
    """sigma_h from the 0.1 and 0.9 quantiles."""
    return (quantiles[:, 2] - quantiles[:, 0]) / (2 * Z90)


@pytest.mark.parametrize("engine", ENGINES)
def test_theta_of_a_line_is_half_way_between_smoothing_and_the_line(engine: str) -> None:
    y = 3.0 * np.arange(40) + np.random.default_rng(0).normal(0, 1e-3, 40)

    y_hat, _ = forecast_history("theta", y, Task(4, LEVELS, 1), engine)

    # all weight is on the newest value, and the drift is half the slope (Hyndman & Billah 2003)
    np.testing.assert_allclose(y_hat, y[-1] + 1.5 * np.arange(1, 5), atol=0.02)


def test_theta_spread_is_that_of_smoothing_with_drift_on_the_deseasonalised_series() -> None:
    rng = np.random.default_rng(1)
    level = np.cumsum(rng.normal(0.0, 0.5, 3000))
    season = 20 * np.sin(np.arange(3000) * np.pi / 6)

    _, plain = forecast_history("theta", level + rng.normal(size=3000), Task(12, LEVELS, 1))
    _, seasonal = forecast_history("theta", level + season + rng.normal(size=3000), Task(12, LEVELS, 12))

    # innovations of this local level model have variance 1.640, alpha is 0.390 (steady state of the Kalman filter)
    np.testing.assert_allclose(widths(plain) ** 2, 1.640 * (1 + np.arange(12) * 0.390**2), rtol=0.2)
    np.testing.assert_allclose(widths(seasonal), widths(plain), rtol=0.2)  # the season does not widen it


def test_ets_finds_level_trend_and_season() -> None:
    t = np.arange(60)
    y = 10 + 0.5 * t + np.tile([3.0, -1.0, 0.0, -2.0], 15) + np.random.default_rng(2).normal(0, 0.1, 60)

    y_hat, quantiles = forecast_history("ets", y, Task(8, LEVELS, 4))

    truth = 10 + 0.5 * np.arange(60, 68) + np.tile([3.0, -1.0, 0.0, -2.0], 2)
    np.testing.assert_allclose(y_hat, truth, atol=0.4)
    assert (widths(quantiles) < 0.5).all()


def test_ets_takes_a_season_that_grows_with_the_level_as_multiplicative() -> None:
    t = np.arange(72)
    y = 100 * 1.02**t * np.tile([1.5, 0.8, 1.0, 0.7], 18) * np.exp(np.random.default_rng(3).normal(0, 0.02, 72))

    y_hat, quantiles = forecast_history("ets", y, Task(8, LEVELS, 4))

    truth = 100 * 1.02 ** np.arange(72, 80) * np.tile([1.5, 0.8, 1.0, 0.7], 2)
    np.testing.assert_allclose(y_hat, truth, rtol=0.08)
    np.testing.assert_allclose(quantiles[:, 0] * quantiles[:, 2], y_hat**2)  # symmetric in the logarithm


@pytest.mark.parametrize("trend", ["none", "additive", "damped"])
@pytest.mark.parametrize("m", [1, 4])
def test_spread_of_smoothing_agrees_with_simulation(trend: Trend, m: int) -> None:
    y = np.cumsum(np.random.default_rng(4).normal(size=80)) + np.tile([3.0, -1.0, 0.0, -2.0], 20)
    fitted = fit_form(y, Form(trend, m), engine_of("statsmodels"))
    assert fitted is not None

    model = ETSModel(
        y,
        trend=None if trend == "none" else "add",
        damped_trend=trend == "damped",
        seasonal="add" if m > 1 else None,
        seasonal_periods=m if m > 1 else None,
    )
    results = model.fit(disp=False)
    size = fitted.sigma(1)[0]
    errors = size * np.random.default_rng(5).standard_normal((10, 4000))
    paths = results.simulate(10, anchor="end", repetitions=4000, random_errors=errors)
    np.testing.assert_allclose(fitted.sigma(10), paths.std(axis=1), rtol=0.06)


@pytest.mark.parametrize("log", [False, True])
@pytest.mark.parametrize("engine", ENGINES)
def test_aicc_is_that_of_statsmodels_in_the_unit_of_y(log: bool, engine: str) -> None:
    y = 50 + np.cumsum(np.random.default_rng(14).normal(size=90))

    fitted = fit_form(y, Form("additive", 1, log), engine_of(engine))

    results = ETSModel(np.log(y) if log else y, trend="add").fit(disp=False)
    jacobian = 2 * np.log(y).sum() if log else 0.0
    assert fitted is not None
    assert fitted.aicc == pytest.approx(results.aicc + jacobian, abs=0.5)


@pytest.mark.parametrize("kind", ["ets", "stl_ets", "arima"])
def test_a_long_season_goes_through_stl(kind: str) -> None:
    t = np.arange(52 * 5)
    season = 10 * np.sin(2 * np.pi * t / 52)
    y = 300 + 0.05 * t + season + np.random.default_rng(6).normal(0, 0.3, len(t))

    y_hat, _ = forecast_history(kind, y, Task(52, LEVELS, 52))

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

    y_hat, quantiles = forecast_history("arima", y, Task(6, LEVELS, 1))

    powers = 0.8 ** np.arange(1, 7)
    np.testing.assert_allclose(y_hat, 5 + powers * (y[-1] - 5), atol=0.35)
    np.testing.assert_allclose(widths(quantiles), np.sqrt(np.cumsum(np.r_[1, powers[:-1]] ** 2)), rtol=0.12)


def test_arima_continues_a_random_walk_with_drift() -> None:
    y = np.cumsum(np.random.default_rng(10).normal(0.5, 1.0, 300))

    y_hat, quantiles = forecast_history("arima", y, Task(10, LEVELS, 1))

    np.testing.assert_allclose(np.diff(y_hat), 0.5, atol=0.25)
    np.testing.assert_allclose(widths(quantiles), np.sqrt(np.arange(1, 11)), rtol=0.3)


def test_arima_finds_the_season_of_an_airline_series() -> None:
    rng = np.random.default_rng(11)
    y = np.cumsum(rng.normal(0, 0.2, 96)) + np.tile(10 * np.sin(np.arange(12) * np.pi / 6), 8) + rng.normal(0, 0.2, 96)

    y_hat, _ = forecast_history("arima", y[:-12], Task(12, LEVELS, 12))

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


@pytest.mark.parametrize("engine", ENGINES)
def test_ses_holt_and_damped_holt_differ_as_their_trends_do(engine: str) -> None:
    y = 10 + 2.0 * np.arange(60) + np.random.default_rng(15).normal(0, 1, 60)
    task = Task(30, LEVELS, 1)

    ses, holt, damped = (forecast_history(kind, y, task, engine)[0] for kind in ("ses", "holt", "damped_holt"))

    assert np.ptp(ses) == 0
    np.testing.assert_allclose(holt, 10 + 2.0 * np.arange(60, 90), atol=4)
    assert (ses < damped + 1e-6)[-1]
    assert (np.diff(damped) >= -1e-9).all()
    assert np.diff(damped)[-1] < np.diff(damped)[0] + 1e-12  # it levels off


@pytest.mark.parametrize("engine", ENGINES)
def test_comb_is_the_average_of_three_on_the_deseasonalised_series(engine: str) -> None:
    season = np.tile([1.3, 0.7, 1.1, 0.9], 15)
    level = 100 + np.cumsum(np.random.default_rng(16).normal(0, 1, 60))
    task = Task(8, LEVELS, 4)

    y_hat, quantiles = forecast_history("comb", level * season, task, engine)

    adjusted, index = deseasonalise(level * season, 4)
    three = [forecast_history(kind, adjusted, task, engine) for kind in ("ses", "holt", "damped_holt")]
    np.testing.assert_allclose(y_hat, np.mean([point for point, _ in three], axis=0) * index.over(8))
    np.testing.assert_allclose(quantiles, np.mean([q for _, q in three], axis=0) * index.over(8)[:, None])


def test_the_combination_is_the_median_of_its_three_members() -> None:
    y = 30 + np.cumsum(np.random.default_rng(17).normal(size=50))
    task = Task(5, LEVELS, 1)

    y_hat, quantiles = forecast_history("combination", y, task)

    three = [forecast_history(kind, y, task) for kind in ("ets", "theta", "arima")]
    np.testing.assert_array_equal(y_hat, np.median([point for point, _ in three], axis=0))
    np.testing.assert_array_equal(quantiles, np.median([q for _, q in three], axis=0))
