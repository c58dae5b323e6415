import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecasting.errors import InputError
from forecasting.evaluation.leak_check import leak_check
from forecasting.forecasters.baselines.forecaster import LocalForecaster
from forecasting.forecasters.baselines.settings import BaselineSettings
from forecasting.forecasters.blend import BlendForecaster, BlendSettings, blended, weights_of
from forecasting.forecasters.protocol import Forecast, Task, no_progress
from forecasting.forecasters.saved import load_forecaster, read_state
from tests.evaluation.conftest import make_arrays, origins_at

TASK = Task(3, (0.1, 0.5, 0.9), season_length=4)


def panel():
    rng = np.random.default_rng(5)
    season = np.tile([5.0, 9.0, 7.0, 3.0], 10)
    arrays = make_arrays({f"s{i}": season * (i + 1) + rng.normal(0, 1, 40) for i in range(3)}, 3, season_length=4)
    return arrays, origins_at(arrays, *[(f"s{i}", ds) for i in range(3) for ds in (28, 32)])


def forecast_of(y_hat, failed=None) -> Forecast:
    y_hat = np.asarray(y_hat, dtype=float)
    reasons = np.array(failed or [None] * len(y_hat), dtype=object)
    return Forecast(y_hat, y_hat[..., None] + [-1.0, 0.0, 1.0], reasons, np.full(len(y_hat), None, dtype=object))


def test_weights_are_inverse_errors_to_the_eighth_power() -> None:
    # Errors of 2 and 1, in any unit: 1 / 2 ** 8 against 1.
    arrays, origins = panel()
    y = arrays.targets(origins, 3)
    weights = weights_of(arrays, origins, [forecast_of(y + 2), forecast_of(y - 1)], 4)
    assert weights == pytest.approx([1 / 257, 256 / 257])


def test_a_member_without_error_takes_all_and_without_cutoffs_all_weigh_alike() -> None:
    arrays, origins = panel()
    y = arrays.targets(origins, 3)
    assert weights_of(arrays, origins, [forecast_of(y), forecast_of(y + 1)], 4).tolist() == [1.0, 0.0]
    nothing = forecast_of(np.full_like(y, np.nan), ["too short"] * len(y))
    assert weights_of(arrays, origins, [nothing, forecast_of(y)], 4).tolist() == [0.5, 0.5]


def test_a_useless_member_is_left_out() -> None:
    arrays, origins = panel()
    members = [LocalForecaster(BaselineSettings(kind), TASK) for kind in ("seasonal_naive", "naive")]
    blend = BlendForecaster("blend", members)
    y = arrays.targets(origins, 3)
    blend.fit_weights(arrays, origins, [forecast_of(y + 1), forecast_of(y + 5)])
    assert [member.name for member in blend.members] == ["seasonal_naive"]
    assert blend.weights == pytest.approx([1.0])


@given(seed=st.integers(0, 200), n=st.integers(2, 4))
def test_weights_are_none_below_zero_sum_to_one_and_fall_with_the_error(seed, n) -> None:
    arrays, origins = panel()
    y, rng = arrays.targets(origins, 3), np.random.default_rng(seed)
    sizes = np.sort(rng.uniform(0.5, 3, n))
    weights = weights_of(arrays, origins, [forecast_of(y + size) for size in sizes], 4)
    assert (weights >= 0).all()
    assert weights.sum() == pytest.approx(1.0)
    assert (np.diff(weights) <= 1e-12).all()


def test_quantiles_are_blended_level_by_level_and_stay_in_order() -> None:
    low, high = forecast_of([[0.0, 0, 0]]), forecast_of([[4.0, 8, 8]])
    made = blended([low, high], np.array([0.75, 0.25]), TASK)
    assert made.y_hat.tolist() == [[1.0, 2.0, 2.0]]
    assert made.quantiles[0, 0].tolist() == [0.0, 1.0, 2.0]


def test_what_one_member_cannot_serve_is_served_by_the_others() -> None:
    first = forecast_of([[1.0] * 3, [np.nan] * 3, [np.nan] * 3], [None, "too short", "too short"])
    second = forecast_of([[3.0] * 3, [3.0] * 3, [np.nan] * 3], [None, None, "broken"])
    made = blended([first, second], np.array([0.5, 0.5]), TASK)
    assert made.y_hat[:2].tolist() == [[2.0] * 3, [3.0] * 3]
    assert made.failed.tolist() == [None, None, "too short"]


def test_a_saved_blend_forecasts_the_same_to_the_bit(tmp_path) -> None:
    arrays, origins = panel()
    blend = BlendForecaster(
        "blend", [LocalForecaster(BaselineSettings(k), TASK) for k in ("naive", "drift", "seasonal_naive")]
    )
    blend.fit(arrays, origins_at(arrays, ("s0", 36), ("s1", 36), ("s2", 36)), origins, no_progress)
    blend.save(tmp_path)
    again = load_forecaster(tmp_path)
    assert read_state(tmp_path)["kind"] == "blend"
    assert sum(json.loads((tmp_path / "forecaster.json").read_text())["weights"]) == pytest.approx(1.0)
    for name in ("y_hat", "quantiles"):
        np.testing.assert_array_equal(
            *(getattr(f.forecast(arrays, origins, no_progress), name) for f in (blend, again))
        )


def test_a_blend_does_not_look_ahead() -> None:
    arrays, origins = panel()
    blend = BlendForecaster("blend", [LocalForecaster(BaselineSettings(k), TASK) for k in ("drift", "seasonal_naive")])
    report = leak_check(blend, arrays, origins, seed=0)
    assert (report.checked, report.moved) == (6, 0)


def test_a_blend_of_one_is_refused() -> None:
    with pytest.raises(InputError, match="at least two members"):
        BlendSettings("blend", ["ets", "ets"])
