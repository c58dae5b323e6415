"""One update: clipping, the numbers that it tells, and which gradients it refuses."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from forecasting.training.optimizer import Told, Updater
from tests.training.problems import SETTINGS


def updated(gradient: float, clip_norm: float | None) -> tuple[nn.Linear, Told]:
    """A layer with weights 1, 1 after one step at rate 0.1 with this gradient at each."""
    layer = nn.Linear(2, 1, bias=False)
    nn.init.ones_(layer.weight)
    updater = Updater(layer, replace(SETTINGS, clip_norm=clip_norm, weight_decay=0.0))
    layer.weight.grad = torch.full_like(layer.weight, gradient)
    return layer, updater.update(torch.tensor(1.0), rate=0.1)


def moved(layer: nn.Linear) -> Tensor:
    return (layer.weight - 1).abs()


def test_the_norm_before_clipping_and_the_update_ratio_by_hand():
    layer, told = updated(3.0, clip_norm=1.0)
    assert told.norm.item() == pytest.approx(18**0.5)
    assert layer.weight.grad.norm().item() == pytest.approx(1.0, rel=1e-5)
    # Adam's first step is the rate in every weight: 0.1 of weights of size 1
    torch.testing.assert_close(moved(layer), torch.full_like(layer.weight, 0.1))
    assert told.ratio.item() == pytest.approx(0.1, rel=1e-4)


def test_a_gradient_below_the_limit_is_left_as_it_is():
    assert updated(0.1, clip_norm=1.0)[0].weight.grad.tolist() == [[pytest.approx(0.1)] * 2]


@pytest.mark.parametrize("gradient", [float("nan"), float("inf")])
@pytest.mark.parametrize("clip_norm", [1.0, None])
def test_a_non_finite_gradient_moves_nothing(gradient, clip_norm):
    layer, told = updated(gradient, clip_norm)
    assert not told.usable
    assert not moved(layer).any()


def test_a_gradient_whose_square_overflows_can_be_clipped_but_not_used_as_it_is():
    clipped, told = updated(1e25, clip_norm=1.0)
    assert told.usable
    assert moved(clipped).min() > 0.05
    raw, told = updated(1e25, clip_norm=None)
    assert not told.usable
    assert not moved(raw).any()
