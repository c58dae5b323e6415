"""Losses: what was forecast of each step against its target, the mean over what is observed.

Each takes `Judged` and gives a scalar. mae, mse, huber, mase and smape judge the median; the other quantiles, where the
head has any, are then learnt by the pinball loss around it, without moving it. Heads with a density are fitted by their
likelihood. Units: of each window's scale, but for mase and smape, which judge in the unit of y.
"""

from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from forecasting.errors import InputError, unknown
from forecasting.models.distributions import Density, Distribution, Quantiles
from forecasting.models.heads import HEADS


class Judged(NamedTuple):
    """What a loss sees; ... is B windows, or B and T where every step is an origin."""

    forecast: Distribution  # over (..., H), in scaled units
    target: Tensor  # (..., H), in scaled units, finite where masked
    mask: Tensor  # (..., H) which targets count
    levels: tuple[float, ...]  # Q, ascending, with 0.5
    unscale: Callable[[Tensor], Tensor]  # (..., H, N) in scaled units to the unit of y, float64
    naive_error: (
        Tensor  # broadcasts against (..., H): mean error of the seasonal naive on the history, in the unit of y
    )

    @property
    def y(self) -> Tensor:
        """Targets in the unit of y; (..., H)."""
        return self.unscale(self.target[..., None])[..., 0]

    @property
    def y_hat(self) -> Tensor:
        """Medians in the unit of y; (..., H)."""
        return self.unscale(self.forecast.median()[..., None])[..., 0]


class Loss(NamedTuple):
    """What is minimised, and the heads that it can train."""

    value: Callable[[Judged], Tensor]
    heads: tuple[str, ...]


def pinball(judged: Judged) -> Tensor:
    """Mean over levels q of max(q e, (q - 1) e) with e = target - quantile; Koenker & Bassett 1978."""
    assert isinstance(judged.forecast, Quantiles)
    return masked_mean(quantile_errors(judged.forecast.values, judged.target, judged.levels), judged.mask)


def mae(judged: Judged) -> Tensor:
    """Mean absolute error of the median."""
    return masked_mean((judged.target - judged.forecast.median()).abs(), judged.mask) + _around(judged)


def mse(judged: Judged) -> Tensor:
    """Mean squared error of the median, which then learns the mean."""
    return masked_mean((judged.target - judged.forecast.median()).square(), judged.mask) + _around(judged)


def huber(judged: Judged) -> Tensor:
    """Squared within one unit of scale, absolute beyond it; Huber 1964."""
    errors = functional.huber_loss(judged.forecast.median(), judged.target, reduction="none")
    return masked_mean(errors, judged.mask) + _around(judged)


def mase(judged: Judged) -> Tensor:
    """Mean absolute error of the median in units of the seasonal naive's error on the history; Hyndman & Koehler 2006.

    Series whose naive error is 0 or unknown have no such unit and take no part.
    """
    measured = judged.naive_error > 0
    errors = (judged.y - judged.y_hat).abs() / torch.where(measured, judged.naive_error, 1.0)
    return masked_mean(errors.float(), judged.mask & measured) + _around(judged)


def smape(judged: Judged) -> Tensor:
    """2 |y - median| / (|y| + |median|) in the unit of y: in [0, 2], 0 where both are 0; Makridakis 1993."""
    y, y_hat = judged.y, judged.y_hat
    size = y.abs() + y_hat.abs()
    errors = torch.where(size > 0, 2 * (y - y_hat).abs() / torch.where(size > 0, size, 1.0), 0.0)
    return masked_mean(errors.float(), judged.mask) + _around(judged)


def negative_log_likelihood(judged: Judged) -> Tensor:
    """Mean of -log p(target)."""
    assert isinstance(judged.forecast, Density)
    return masked_mean(-judged.forecast.log_prob(judged.target), judged.mask)


DENSITIES = tuple(name for name, head in HEADS.items() if head.has_density)
_WITHOUT_DENSITY = tuple(name for name, head in HEADS.items() if not head.has_density)
LOSSES: dict[str, Loss] = {
    "pinball": Loss(pinball, ("quantiles",)),
    "mae": Loss(mae, _WITHOUT_DENSITY),
    "mse": Loss(mse, _WITHOUT_DENSITY),
    "huber": Loss(huber, _WITHOUT_DENSITY),
    "mase": Loss(mase, _WITHOUT_DENSITY),
    "smape": Loss(smape, _WITHOUT_DENSITY),
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


def quantile_errors(quantiles: Tensor, target: Tensor, levels: tuple[float, ...]) -> Tensor:
    """Pinball loss of quantiles (..., Q) at target (...), mean over the levels; (...)."""
    error = target[..., None] - quantiles
    over = _tensor(levels, error.dtype, error.device)
    return torch.maximum(over * error, (over - 1) * error).mean(-1)


def _around(judged: Judged) -> Tensor:
    """Pinball loss of the other levels, with the median held still; 0 where the median is all there is."""
    forecast, levels = judged.forecast, judged.levels
    if not isinstance(forecast, Quantiles) or len(levels) == 1:
        return torch.zeros((), device=judged.target.device)
    middle, m = forecast.median(), levels.index(0.5)
    held = forecast.values - middle[..., None] + middle.detach()[..., None]
    others = torch.cat([held[..., :m], held[..., m + 1 :]], dim=-1)
    return masked_mean(quantile_errors(others, judged.target, levels[:m] + levels[m + 1 :]), judged.mask)


@cache
def _tensor(levels: tuple[float, ...], dtype: torch.dtype, device: torch.device) -> Tensor:
    """Made once: a captured step must not copy from the host."""
    return torch.tensor(levels, dtype=dtype, device=device)
