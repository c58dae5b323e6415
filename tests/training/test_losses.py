"""Losses by hand, and what is masked takes no part."""

import pytest
import torch

from forecasting.training.losses import LOSSES, masked_mean

LEVELS = torch.tensor([0.1, 0.5, 0.9])


def test_pinball_by_hand():
    quantiles, target = torch.tensor([[[1.0, 2.0, 4.0]]]), torch.tensor([[3.0]])
    # errors 2, 1, -1 at levels 0.1, 0.5, 0.9: 0.2, 0.5, 0.1
    assert LOSSES["pinball"](quantiles, target, torch.tensor([[True]]), LEVELS).item() == pytest.approx(0.8 / 3)


@pytest.mark.parametrize("name", sorted(LOSSES))
def test_a_masked_target_takes_no_part_in_any_loss_or_gradient(name):
    quantiles = torch.randn(2, 4, 3).sort(-1).values.requires_grad_()
    target, mask = torch.randn(2, 4), torch.ones(2, 4, dtype=torch.bool)
    mask[1, 2] = False
    gradients = []
    for hidden in (0.0, 1e6):
        target[1, 2] = hidden
        (gradient,) = torch.autograd.grad(LOSSES[name](quantiles, target, mask, LEVELS), quantiles)
        gradients.append(gradient)
    assert torch.equal(*gradients)
    assert not gradients[0][1, 2].any()
    assert masked_mean(target, torch.zeros_like(mask)).item() == 0
