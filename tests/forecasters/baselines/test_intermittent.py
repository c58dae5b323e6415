"""Croston, SBA and TSB: by hand, and against statsforecast."""

import numpy as np
import pytest
from statsforecast.models import TSB, CrostonClassic, CrostonSBA

from forecasting.forecasters.baselines.intermittent import croston_rates, tsb_rates
from forecasting.forecasters.baselines.table import forecast_history
from forecasting.forecasters.protocol import Task

TASK = Task(3, (0.1, 0.5, 0.9), 1)
ORACLES = {"croston": CrostonClassic(), "sba": CrostonSBA(), "tsb": TSB(0.1, 0.1)}


def test_croston_by_hand() -> None:
    rates = croston_rates(np.array([0.0, 4.0, 0.0, 0.0, 2.0]))

    # sizes 4, 4 + 0.1 * (2 - 4); intervals 2, 2 + 0.1 * (3 - 2)
    np.testing.assert_allclose(rates, [np.nan, 2, 2, 2, 3.8 / 2.1])


def test_tsb_by_hand() -> None:
    rates = tsb_rates(np.array([3.0, 0.0, 5.0]))

    np.testing.assert_allclose(rates, [3, 3 * 0.9, (3 + 0.1 * 2) * (0.9 + 0.1 * 0.1)])


@pytest.mark.parametrize("kind", ORACLES)
@pytest.mark.parametrize("share", [0.1, 0.4, 0.9])
def test_forecasts_of_demand_are_those_of_statsforecast(kind: str, share: float) -> None:
    rng = np.random.default_rng(3)
    y = np.where(rng.random(80) < share, rng.gamma(2.0, 3.0, 80), 0.0)

    y_hat, _ = forecast_history(kind, y, TASK)

    np.testing.assert_allclose(y_hat, ORACLES[kind].forecast(y, 3)["mean"])


@pytest.mark.parametrize("kind", ORACLES)
def test_quantiles_of_demand_are_not_negative_and_cover_what_they_say(kind: str) -> None:
    rng = np.random.default_rng(4)
    y = np.where(rng.random(2000) < 0.5, rng.poisson(4, 2000), 0).astype(float)

    _, quantiles = forecast_history(kind, y[:1000], TASK)

    assert (quantiles >= 0).all()
    assert 0.86 <= np.mean(y[1000:] <= quantiles[0, 2]) <= 0.96


@pytest.mark.parametrize("kind", ORACLES)
def test_no_demand_at_all_is_forecast_as_none(kind: str) -> None:
    y_hat, quantiles = forecast_history(kind, np.zeros(12), TASK)

    assert not y_hat.any()
    assert not quantiles.any()
