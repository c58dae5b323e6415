"""Losses in scaled units: forecast quantiles against targets, the mean over what is observed.

Each takes quantiles (..., H, Q), target (..., H), mask (..., H) and levels (Q,), and gives a scalar. mae, mse and huber
judge the median; the other quantiles are then learnt by the pinball loss around it, without moving it.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from forecasting.errors import unknown

Loss = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]


def pinball(quantiles: Tensor, target: Tensor, mask: Tensor, levels: Tensor) -> Tensor:
    """Mean over levels q of max(q e, (q - 1) e) with e = target - quantile; Koenker & Bassett 1978."""
    error = target[..., None] - quantiles
    return masked_mean(torch.maximum(levels * error, (levels - 1) * error).mean(-1), mask)


def mae(quantiles: Tensor, target: Tensor, mask: Tensor, levels: Tensor) -> Tensor:
    """Mean absolute error of the median."""
    middle = _median(quantiles, levels)
    return masked_mean((target - middle).abs(), mask) + _around(quantiles, middle, target, mask, levels)


def mse(quantiles: Tensor, target: Tensor, mask: Tensor, levels: Tensor) -> Tensor:
    """Mean squared error of the median, which then learns the mean."""
    middle = _median(quantiles, levels)
    return masked_mean((target - middle).square(), mask) + _around(quantiles, middle, target, mask, levels)


def huber(quantiles: Tensor, target: Tensor, mask: Tensor, levels: Tensor) -> Tensor:
    """Squared within one unit of scale, absolute beyond it; Huber 1964."""
    middle = _median(quantiles, levels)
    errors = functional.huber_loss(middle, target, reduction="none")
    return masked_mean(errors, mask) + _around(quantiles, middle, target, mask, levels)


LOSSES: dict[str, Loss] = {"pinball": pinball, "mae": mae, "mse": mse, "huber": huber}


def loss_of(name: str) -> Loss:
    """The row of LOSSES; InputError for an unknown name."""
    if name not in LOSSES:
        raise unknown("loss", name, list(LOSSES), "loss of the forecaster")
    return LOSSES[name]


def masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    """Mean of values where mask; 0 where nothing counts. What is masked takes no part, finite or not."""
    return torch.where(mask, values, 0.0).sum() / mask.sum().clamp(min=1)


def _median(quantiles: Tensor, levels: Tensor) -> Tensor:
    middle: Tensor = quantiles[..., int((levels - 0.5).abs().argmin())]
    return middle


def _around(quantiles: Tensor, middle: Tensor, target: Tensor, mask: Tensor, levels: Tensor) -> Tensor:
    """Pinball loss of the other levels, with the median held still; 0 where the median is all there is."""
    if len(levels) == 1:
        return torch.zeros((), device=quantiles.device)
    held = quantiles - middle[..., None] + middle.detach()[..., None]
    other = (levels - 0.5).abs() > 1e-9
    return pinball(held[..., other], target, mask, levels[other])
