"""Target transforms: undone exactly, safe on what is constant, zero, tiny, huge or negative."""

from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from forecasting.errors import InputError
from forecasting.windows.gather import gather, gather_targets
from forecasting.windows.residuals import RESIDUALS
from forecasting.windows.scalers import SCALERS
from forecasting.windows.spec import WindowSpec
from forecasting.windows.transforms import TRANSFORMS, accumulate, transform_of
from tests.windows.build import panel_of

S0 = torch.tensor([0])
H, M = 3, 2
EVERY = list(product(sorted(TRANSFORMS), sorted(SCALERS), RESIDUALS))


def at(row: int) -> torch.Tensor:
    return torch.tensor([row])


def spec_of(transform: str, scaling: str = "none", residual: str = "none", T: int = 6) -> WindowSpec:
    return WindowSpec(T, H, M, scaling, residual, transform=transform)


@pytest.mark.parametrize("name", sorted(TRANSFORMS))
@given(st.floats(-1e12, 1e12, allow_subnormal=False) | st.floats(-1e-9, 1e-9, allow_subnormal=False))
def test_a_transform_is_undone_to_rounding(name, y):
    transform = TRANSFORMS[name]
    given_y = torch.tensor([max(y, transform.least)], dtype=torch.float64)
    back = transform.inverse(transform.forward(given_y))
    torch.testing.assert_close(back, given_y, rtol=1e-13, atol=0)


@pytest.mark.parametrize("name", sorted(TRANSFORMS))
@given(st.lists(st.floats(0, 1e6), min_size=2, max_size=2, unique=True))
def test_a_transform_keeps_the_order_of_quantiles(name, pair):
    low, high = TRANSFORMS[name].forward(torch.tensor(sorted(pair), dtype=torch.float64)).tolist()
    assert low <= high


def test_the_transforms_by_hand():
    y = torch.tensor([0.0, np.e - 1, -np.sinh(2.0)], dtype=torch.float64)
    assert TRANSFORMS["log1p"].forward(y)[:2].tolist() == pytest.approx([0, 1])
    assert TRANSFORMS["asinh"].forward(y)[2].item() == pytest.approx(-2)


def test_differences_are_summed_over_their_lag():
    u = torch.tensor([[[1.0, 2.0, 4.0, 8.0, 16.0]]])
    assert accumulate(u, 1)[0, 0].tolist() == [1, 3, 7, 15, 31]
    assert accumulate(u, 2)[0, 0].tolist() == [1, 2, 5, 10, 21]
    assert accumulate(u, 7)[0, 0].tolist() == [1, 2, 4, 8, 16]


def test_a_difference_is_what_the_network_sees_and_its_target_is_the_sum_from_the_last_value():
    panel = panel_of({"a": [1.0, 3.0, 6.0, 10.0, 15.0, 21.0]}, H)
    windows = gather(panel, S0, at(2), spec_of("difference"))
    assert windows.inputs.steps_BTF[0, :, 0].tolist() == [0, 2, 3, 0, 0, 0]
    assert windows.base.tolist() == [[6, 6, 6]]
    assert gather_targets(panel, S0, at(2), windows, at(5), spec_of("difference")).z.tolist() == [[4, 9, 15]]


def test_the_step_before_the_window_is_read_where_the_history_has_one():
    panel = panel_of({"a": [1.0, 3.0, 6.0, 10.0]}, H)
    windows = gather(panel, S0, at(3), spec_of("difference", T=2))
    assert windows.inputs.steps_BTF[0, :, 0].tolist() == [3, 4]


def test_a_seasonal_difference_is_undone_from_the_last_season():
    panel = panel_of({"a": [1.0, 10.0, 2.0, 20.0, 4.0, 40.0]}, H)
    windows = gather(panel, S0, at(3), spec_of("seasonal_difference"))
    assert windows.inputs.steps_BTF[0, :4, 0].tolist() == [0, 0, 1, 10]
    assert windows.base.tolist() == [[2, 20, 2]]
    drift = gather(panel, S0, at(3), spec_of("seasonal_difference", residual="last_value"))
    assert drift.base.tolist() == [[12, 30, 22]]  # each season adds the last change, 10


def test_the_mean_step_is_the_drift_where_differences_are_centred():
    panel = panel_of({"a": [1.0, 3.0, 6.0, 10.0]}, H)  # steps 2, 3, 4: mean 3
    windows = gather(panel, S0, at(3), spec_of("difference", "standard"))
    assert windows.base.tolist() == [[13, 16, 19]]


@pytest.mark.parametrize(("transform", "scaling", "residual"), EVERY)
def test_targets_come_back_as_they_were(transform, scaling, residual):
    y = np.random.default_rng(3).gamma(2.0, 40.0, size=14).tolist()
    panel, spec = panel_of({"a": y}, H), spec_of(transform, scaling, residual)
    windows = gather(panel, S0, at(10), spec)
    targets = gather_targets(panel, S0, at(10), windows, at(13), spec)
    assert targets.mask.all()
    assert windows.unscale(targets.z[..., None])[0, :, 0].tolist() == pytest.approx(y[11:14], rel=1e-4)


LEVELLED = [
    (transform, scaling, residual)
    for transform, scaling, residual in EVERY
    if scaling not in ("none", "panel", "mean_abs") or residual != "none" or TRANSFORMS[transform].lag != "none"
]  # the others leave the level to the network


@pytest.mark.parametrize(("transform", "scaling", "residual"), LEVELLED)
@pytest.mark.parametrize("value", [0.0, 1e-30, 3.0, 1e12])
def test_a_constant_window_is_forecast_as_that_constant(transform, scaling, residual, value):
    windows = gather(panel_of({"a": [value] * 8}, H), S0, at(7), spec_of(transform, scaling, residual))
    assert torch.isfinite(windows.inputs.steps_BTF).all()
    assert windows.unscale(torch.zeros(1, H, 1)).ravel().tolist() == pytest.approx([value] * H)


@given(st.lists(st.floats(-1e9, 1e9, allow_subnormal=False), min_size=1, max_size=9), st.sampled_from(EVERY))
def test_whatever_the_window_inputs_are_finite_and_so_is_the_base_of_what_is_usable(y, case):
    windows = gather(panel_of({"a": y}, H), S0, at(len(y) - 1), spec_of(*case))
    assert torch.isfinite(windows.inputs.steps_BTF).all()
    assert torch.isfinite(windows.base).all()
    assert (windows.spread > 0).all()


def test_a_window_with_values_that_the_transform_cannot_take_is_not_usable():
    panel = panel_of({"a": [5.0, -1.0, 5.0, 5.0, 5.0]}, H)
    assert not gather(panel, S0, at(3), spec_of("log1p")).usable
    assert gather(panel, S0, at(3), spec_of("log1p", T=2)).usable
    assert gather(panel, S0, at(3), spec_of("asinh")).usable


def test_an_unknown_transform_is_refused_with_the_known_ones():
    with pytest.raises(InputError, match=r"transform must be one of asinh, .*, got 'sqrt'"):
        transform_of("sqrt")
