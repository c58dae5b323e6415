"""Losses in scaled units: what was forecast of each step against its target, the mean over what is observed.

Each takes a distribution over (..., H), target (..., H), mask (..., H) and levels (Q,), and gives a scalar. mae, mse and
huber judge the median; the other quantiles, where the head has any, are then learnt by the pinball loss around it, without
moving it. Heads with a density are fitted by their likelihood.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from forecasting.errors import InputError, unknown
from forecasting.models.distributions import Density, Distribution, Quantiles
from forecasting.models.heads import HEADS


class Loss(NamedTuple):
    """`value(forecast, target, mask, levels)`, and the heads that it can train."""

    value: Callable[[Distribution, Tensor, Tensor, Tensor], Tensor]
    heads: tuple[str, ...]


def pinball(quantiles: Tensor, target: Tensor, mask: Tensor, levels: Tensor) -> Tensor:
    """Mean over levels q of max(q e, (q - 1) e) with e = target - quantile (..., H, Q); Koenker & Bassett 1978."""
    error = target[..., None] - quantiles
    return masked_mean(torch.maximum(levels * error, (levels - 1) * error).mean(-1), mask)


def all_quantiles(forecast: Distribution, target: Tensor, mask: Tensor, levels: Tensor) -> Tensor:
    """Pinball loss of the head's own quantiles."""
    assert isinstance(forecast, Quantiles)
    return pinball(forecast.values, target, mask, levels)


def mae(forecast: Distribution, target: Tensor, mask: Tensor, levels: Tensor) -> Tensor:
    """Mean absolute error of the median."""
    return masked_mean((target - forecast.median()).abs(), mask) + _around(forecast, target, mask, levels)


def mse(forecast: Distribution, target: Tensor, mask: Tensor, levels: Tensor) -> Tensor:
    """Mean squared error of the median, which then learns the mean."""
    return masked_mean((target - forecast.median()).square(), mask) + _around(forecast, target, mask, levels)


def huber(forecast: Distribution, target: Tensor, mask: Tensor, levels: Tensor) -> Tensor:
    """Squared within one unit of scale, absolute beyond it; Huber 1964."""
    errors = functional.huber_loss(forecast.median(), target, reduction="none")
    return masked_mean(errors, mask) + _around(forecast, target, mask, levels)


def negative_log_likelihood(forecast: Distribution, target: Tensor, mask: Tensor, levels: Tensor) -> Tensor:
    """Mean of -log p(target)."""
    assert isinstance(forecast, Density)
    return masked_mean(-forecast.log_prob(target), mask)


DENSITIES = tuple(name for name, head in HEADS.items() if head.has_density)
LOSSES: dict[str, Loss] = {
    "pinball": Loss(all_quantiles, ("quantiles",)),
    "mae": Loss(mae, ("point", "quantiles")),
    "mse": Loss(mse, ("point", "quantiles")),
    "huber": Loss(huber, ("point", "quantiles")),
    "likelihood": Loss(negative_log_likelihood, DENSITIES),
}


def loss_of(name: str) -> Loss:
    """The row of LOSSES; InputError for an unknown name."""
    if name not in LOSSES:
        raise unknown("loss", name, list(LOSSES), "loss of the forecaster")
    return LOSSES[name]


def default_loss(head: str) -> str:
    """The first loss of the table that trains this head."""
    return next(name for name, loss in LOSSES.items() if head in loss.heads)


def require_loss(name: str, head: str) -> None:
    """InputError where no such loss is known or it cannot train the head."""
    if head not in loss_of(name).heads:
        known = [known for known, loss in LOSSES.items() if head in loss.heads]
        raise InputError(
            f"a loss must be one that can train its head, got loss {name!r} with head {head!r}: set loss to one of "
            f"{', '.join(known)}"
        )


def masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    """Mean of values where mask; 0 where nothing counts. What is masked takes no part, finite or not."""
    return torch.where(mask, values, 0.0).sum() / mask.sum().clamp(min=1)


def _around(forecast: Distribution, target: Tensor, mask: Tensor, levels: Tensor) -> Tensor:
    """Pinball loss of the other levels, with the median held still; 0 where the median is all there is."""
    if not isinstance(forecast, Quantiles) or len(levels) == 1:
        return torch.zeros((), device=target.device)
    middle = forecast.median()
    held = forecast.values - middle[..., None] + middle.detach()[..., None]
    other = (levels - 0.5).abs() > 1e-9
    return pinball(held[..., other], target, mask, levels[other])
