"""Losses by hand, and what is masked takes no part."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from forecasting.models.distributions import Distribution, Normal, Point, Quantiles
from forecasting.training.losses import LOSSES, Judged, masked_mean

LEVELS = (0.1, 0.5, 0.9)


def judged(forecast: Distribution, target: Tensor, mask: Tensor | None = None, naive_error: float = 1.0) -> Judged:
    """In a window with level 100 and spread 10."""
    mask = torch.ones_like(target, dtype=torch.bool) if mask is None else mask
    unscale: Callable[[Tensor], Tensor] = lambda z: 100 + 10 * z.double()  # noqa: E731
    return Judged(forecast, target, mask, LEVELS, unscale, torch.tensor([[naive_error]], dtype=torch.float64))


def value(name: str, median: float, target: float, **changes: float) -> float:
    """Of one step of a point forecast."""
    return LOSSES[name].value(judged(Point(torch.tensor([[median]])), torch.tensor([[target]]), **changes)).item()


def test_pinball_by_hand():
    forecast = Quantiles(torch.tensor([[[1.0, 2.0, 4.0]]]), LEVELS)
    # errors 2, 1, -1 at levels 0.1, 0.5, 0.9: 0.2, 0.5, 0.1
    assert LOSSES["pinball"].value(judged(forecast, torch.tensor([[3.0]]))).item() == pytest.approx(0.8 / 3)


@pytest.mark.parametrize(("name", "expected"), [("mae", 3.0), ("mse", 9.0), ("huber", 2.5)])
def test_losses_in_scaled_units_by_hand(name, expected):
    assert value(name, 1.0, 4.0) == pytest.approx(expected)


def test_smape_is_in_the_unit_of_y():
    assert value("smape", 1.0, 4.0) == pytest.approx(2 * 30 / (110 + 140))
    assert value("smape", -10.0, -10.0) == 0  # both are 0 in the unit of y


def test_mase_is_in_units_of_the_seasonal_naives_error_and_leaves_out_series_without_one():
    assert value("mase", 1.0, 4.0, naive_error=15.0) == pytest.approx(2)
    assert value("mase", 1.0, 4.0, naive_error=0.0) == 0
    assert value("mase", 1.0, 4.0, naive_error=float("nan")) == 0


def test_the_likelihood_is_that_of_torch():
    location, scale, target = torch.randn(2, 4), torch.rand(2, 4) + 0.1, torch.randn(2, 4)
    expected = -torch.distributions.Normal(location, scale).log_prob(target).mean()
    torch.testing.assert_close(LOSSES["likelihood"].value(judged(Normal(location, scale), target)), expected)


def test_the_other_quantiles_are_learnt_around_a_median_that_they_do_not_move():
    values = torch.tensor([[[1.0, 2.0, 4.0]]], requires_grad=True)
    (gradient,) = torch.autograd.grad(
        LOSSES["mae"].value(judged(Quantiles(values, LEVELS), torch.tensor([[3.0]]))), values
    )
    # levels 0.1 and 0.9 each count half; their part in the median's gradient is held back: |3 - 2| alone gives -1
    assert gradient[0, 0].tolist() == pytest.approx([-0.05, -1 + 0.05 - 0.05, 0.05])


@pytest.mark.parametrize("name", sorted(LOSSES))
def test_a_masked_target_takes_no_part_in_any_loss_or_gradient(name):
    raw = torch.randn(2, 4, 3).sort(-1).values.requires_grad_()
    head = LOSSES[name].heads[-1]
    forecast = Quantiles(raw, LEVELS) if head == "quantiles" else Normal(raw[..., 0], raw[..., 1].exp())
    target, mask = torch.randn(2, 4), torch.ones(2, 4, dtype=torch.bool)
    mask[1, 2] = False
    gradients = []
    for hidden in (0.0, 1e6):
        target[1, 2] = hidden
        (gradient,) = torch.autograd.grad(LOSSES[name].value(judged(forecast, target, mask)), raw, retain_graph=True)
        gradients.append(gradient)
    assert torch.equal(*gradients)
    assert gradients[0].any()
    assert not gradients[0][1, 2].any()
    assert masked_mean(target, torch.zeros_like(mask)).item() == 0
