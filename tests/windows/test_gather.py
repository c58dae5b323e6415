"""Windows as a network gets them: left-aligned, scaled from their own past, with the right bases and targets."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from forecasting.windows.gather import gather, gather_targets
from forecasting.windows.panel import Panel
from forecasting.windows.residuals import RESIDUALS
from forecasting.windows.rollout import Rollout
from forecasting.windows.scalers import SCALERS
from forecasting.windows.spec import WindowSpec
from forecasting.windows.transforms import TRANSFORMS
from tests.windows.build import panel_of

SPEC = WindowSpec(context_length=4, horizon=2, season_length=1, scaling="mean_abs", residual="last_value")
S0 = torch.tensor([0])
RISING = {"a": [1.0, 3.0, 5.0, 7.0, 9.0, 11.0, 13.0, 15.0]}


def at(row: int) -> torch.Tensor:
    return torch.tensor([row])


def test_a_history_shorter_than_the_window_begins_at_position_zero_and_padding_is_zero():
    windows = gather(panel_of(RISING, 2), S0, at(1), SPEC)  # y 1, 3: mean |y| = 2
    y, change, observed, row = windows.inputs.steps_BTF[0].T.tolist()
    assert y == [0.5, 1.5, 0, 0]
    assert change == [0, 1, 0, 0]
    assert observed == [1, 1, 0, 0]
    assert row == [0, 1, 0, 0]
    assert windows.inputs.length_B.tolist() == [2]
    assert windows.inputs.future_BJHK[0, :, 0].tolist() == [2, 3]
    assert windows.base.tolist() == [[3, 3]]


def test_the_window_holds_the_last_steps_of_a_long_history_and_the_target_is_in_its_units():
    panel = panel_of(RISING, 2)
    windows = gather(panel, S0, at(4), SPEC)  # y 3, 5, 7, 9: mean |y| = 6
    assert windows.inputs.steps_BTF[0, :, 0].tolist() == pytest.approx([3 / 6, 5 / 6, 7 / 6, 9 / 6])
    targets = gather_targets(panel, S0, at(4), windows, at(7), SPEC)
    assert targets.z[0].tolist() == pytest.approx([2 / 6, 4 / 6])
    assert gather_targets(panel, S0, at(4), windows, at(5), SPEC).mask.tolist() == [[True, False]]


def test_a_missing_value_is_told_by_the_mask_input_and_is_no_target():
    panel = panel_of({"a": [2.0, np.nan, 4.0, 6.0, np.nan, 8.0]}, 2)  # filled forward: 2, 2, 4, 6
    windows = gather(panel, S0, at(3), SPEC)
    assert windows.inputs.steps_BTF[0, :, 2].tolist() == [1, 0, 1, 1]
    assert windows.inputs.steps_BTF[0, :, 0].tolist() == pytest.approx([2 / 3.5, 2 / 3.5, 4 / 3.5, 6 / 3.5])
    targets = gather_targets(panel, S0, at(3), windows, at(5), SPEC)
    assert targets.mask.tolist() == [[False, True]]
    assert targets.z[0].tolist() == pytest.approx([0, 2 / 3.5])


def test_a_gap_that_nothing_fills_is_a_zero_that_no_statistic_counts():
    panel = panel_of({"a": [2.0, np.nan, 4.0, 6.0]}, 2, full=[2, np.nan, 4, 6, np.nan, np.nan])
    windows = gather(panel, S0, at(3), SPEC)  # mean |y| of 2, 4, 6 is 4
    y, change, observed = windows.inputs.steps_BTF[0, :, :3].T.tolist()
    assert (y, change, observed) == ([0.5, 0, 1, 1.5], [0, 0, 0, 0.5], [1, 0, 1, 1])


def test_a_window_without_movement_is_left_out_of_the_loss():
    panel = panel_of({"a": [5.0, 5.0, 5.0, 9.0]}, 2)
    spec = replace(SPEC, scaling="standard", horizon=1)
    windows = gather(panel, S0, at(2), spec)
    assert not gather_targets(panel, S0, at(2), windows, at(3), spec).mask.any()
    assert not windows.inputs.steps_BTF[..., :2].any()


@given(st.integers(1, 5), st.integers(1, 7), st.integers(0, 9))
def test_the_seasonal_base_is_the_newest_known_value_of_the_same_season(m, H, origin):
    y = [float(v) for v in np.random.default_rng(m).normal(size=10)]
    spec = WindowSpec(4, H, m, "standard", "seasonal_naive")
    base = gather(panel_of({"z": [9.0], "a": y}, H), torch.tensor([1]), at(1 + H + origin), spec).base[0]
    for h in range(1, H + 1):
        row = origin + h - m * -(-h // m)
        assert base[h - 1].item() == pytest.approx(y[row] if row >= 0 else y[origin], abs=1e-6)


@pytest.mark.parametrize("transform", sorted(TRANSFORMS))
@pytest.mark.parametrize("residual", RESIDUALS)
@pytest.mark.parametrize("scaling", [name for name, scaler in SCALERS.items() if scaler.causal])
def test_with_an_origin_at_each_step_step_t_gets_what_an_origin_there_gets_alone(scaling, residual, transform):
    y = np.random.default_rng(4).normal(10, 3, size=12).tolist()
    y[4] = np.nan
    panel: Panel = panel_of({"a": y}, 3)
    spec = WindowSpec(5, 3, 2, scaling, residual, every_step=True, transform=transform)
    windows = gather(panel, S0, at(7), spec, all_origins=True)
    targets = gather_targets(panel, S0, at(7), windows, at(9), spec)
    for t, row in enumerate(range(3, 8)):
        shorter = replace(spec, context_length=t + 1)
        alone = gather(panel, S0, at(row), shorter)
        torch.testing.assert_close(windows.base[:, t], alone.base)
        torch.testing.assert_close(windows.spread[:, t], alone.spread)
        torch.testing.assert_close(windows.inputs.future_BJHK[:, t], alone.inputs.future_BJHK)
        torch.testing.assert_close(windows.inputs.steps_BTF[:, : t + 1], alone.inputs.steps_BTF)
        expected = gather_targets(panel, S0, at(row), alone, at(9), shorter)
        assert torch.equal(targets.mask[:, t], expected.mask)
        torch.testing.assert_close(targets.z[:, t], expected.z)


def test_steps_with_little_behind_them_are_left_out_but_never_a_whole_window():
    panel = panel_of(RISING, 2)
    spec = replace(SPEC, every_step=True)
    for row, counted in ((5, [False, False, True, True]), (1, [False, True, False, False])):
        windows = gather(panel, S0, at(row), spec, all_origins=True)
        targets = gather_targets(panel, S0, at(row), windows, at(7), spec, burn_in=2)
        assert targets.mask.any(-1)[0].tolist() == counted


def test_the_mean_of_the_newest_season_is_the_base_of_every_step_even_where_the_context_is_shorter():
    panel = panel_of({"a": [9.0, 1.0, 2.0, 6.0, 7.0]}, 2)
    spec = WindowSpec(2, 2, 3, "none", "season_mean")
    windows = gather(panel, torch.tensor([0, 0]), torch.tensor([4, 1]), spec)
    assert windows.base.tolist() == [[5.0, 5.0], [5.0, 5.0]]  # of 2, 6, 7; and of 9, 1, all there is


@pytest.mark.parametrize("residual", RESIDUALS)
@pytest.mark.parametrize("transform", ["none", "difference", "seasonal_difference"])
def test_a_path_sets_out_from_the_base_that_training_had(residual, transform):
    panel = panel_of({"a": list(np.random.default_rng(3).normal(5, 2, 20))}, 1)
    spec = WindowSpec(6, 1, 4, "standard", residual, transform=transform)
    series, row = torch.tensor([0, 0]), torch.tensor([12, 18])
    trained = gather(panel, series, row, spec).base[:, 0]
    torch.testing.assert_close(Rollout(panel, series, row, spec, 1, 2).base(), trained)
