"""Split-conformal calibration: offsets by hand, what they leave alone, and the coverage that they are for."""

import numpy as np
import pytest

from forecasting.forecasters.protocol import Forecast, Task
from forecasting.forecasters.recurrent.calibration import LEAST, Calibration, fit_calibration
from tests.forecasters.panels import last_origins, panel

H = 2
TASK = Task(H, (0.1, 0.5, 0.9), 1)


def forecast_of(n: int, low: float, middle: float, high: float) -> Forecast:
    quantiles = np.tile([low, middle, high], (n, H, 1)).astype(float)
    none = np.full(n, None, dtype=object)
    return Forecast(quantiles[..., 1].copy(), quantiles, none.copy(), none.copy())


def walks(n: int, seed: int = 1) -> dict[str, np.ndarray]:
    """Series whose seasonal naive error is 1: steps up and down by one, then two actual values drawn from 0..n-1."""
    order = np.random.default_rng(seed).permutation(n)
    return {f"s{i:04d}": np.array([0.0, 1, 0, 1, 0, 1, 0, order[i], order[i]]) for i in range(n)}


def test_the_offset_is_the_residual_of_its_rank():
    arrays = panel(walks(49), H)
    origins = last_origins(arrays, (H,))
    found = fit_calibration(forecast_of(49, 0, 0, 0), arrays, origins, TASK)
    assert found is not None
    # residuals are 0..48 in some order: rank 50 * 0.9 = 45 is 44 above, and mirrored rank 50 - 45 = 5 is 4 below
    np.testing.assert_array_equal(found.offsets, [[4, 0, 44]] * H)
    assert found.n == 49


def test_offsets_are_in_units_of_the_history():
    arrays = panel({name: y * 10 for name, y in walks(49).items()}, H)
    origins = last_origins(arrays, (H,))
    found = fit_calibration(forecast_of(49, 0, 0, 0), arrays, origins, TASK)
    assert found is not None
    np.testing.assert_allclose(found.offsets, [[4, 0, 44]] * H)
    moved = found.apply(forecast_of(49, 0, 5, 5), arrays, origins, TASK)
    np.testing.assert_allclose(
        moved.quantiles[0], [[5, 5, 445]] * H
    )  # the low one would pass the median: it stops there


def test_the_median_stays_and_a_history_without_movement_is_left_alone():
    arrays = panel({"flat": np.full(9, 3.0)}, H)
    forecast = forecast_of(1, 2, 3, 4)
    moved = Calibration(np.array([[-1.0, 0, 1]] * H), 99).apply(forecast, arrays, last_origins(arrays, (H,)), TASK)
    np.testing.assert_array_equal(moved.quantiles, forecast.quantiles)
    np.testing.assert_array_equal(moved.y_hat, forecast.y_hat)


def test_too_few_residuals_calibrate_nothing():
    arrays = panel(walks(LEAST - 1), H)
    assert fit_calibration(forecast_of(LEAST - 1, 0, 0, 0), arrays, last_origins(arrays, (H,)), TASK) is None


def test_it_survives_json():
    given = Calibration(np.array([[-0.25, 0, 1e-17]]), 50)
    back = Calibration.from_dict(given.to_dict())
    np.testing.assert_array_equal(back.offsets, given.offsets)
    assert back.n == 50


@pytest.mark.parametrize("width", [0.1, 1.0, 5.0])
def test_intervals_of_any_width_come_to_cover_what_they_promise(width: float):
    rng = np.random.default_rng(8)

    def case(n: int) -> tuple:
        noise = rng.standard_t(4, size=(n, H))
        arrays = panel({f"s{i:04d}": np.r_[0.0, 1, 0, 1, 0, 1, 0, noise[i]] for i in range(n)}, H)
        return arrays, last_origins(arrays, (H,)), forecast_of(n, -width, 0, width)

    arrays, origins, forecast = case(1500)
    found = fit_calibration(forecast, arrays, origins, TASK)
    assert found is not None
    arrays, origins, forecast = case(4000)
    moved = found.apply(forecast, arrays, origins, TASK)
    actual = arrays.targets(origins, H)
    inside = (moved.quantiles[..., 0] <= actual) & (actual <= moved.quantiles[..., 2])
    np.testing.assert_allclose(inside.mean(axis=0), 0.8, atol=0.04)  # 3 standard errors of both samples
