"""Heads: from P raw numbers per step to what a forecast consists of. Axes: ... leading, H horizon, Q quantile levels."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from forecasting.errors import unknown


class QuantileHead(nn.Module):
    """Quantiles that cannot cross: the median, and softplus steps cumulated upwards and downwards from it; P = Q.

    Gasthaus et al. 2019 and Park et al. 2022 build ascending quantiles from non-negative increments.
    """

    def __init__(self, levels: tuple[float, ...]) -> None:
        super().__init__()
        self.n_parameters = len(levels)
        self.median = levels.index(0.5)

    def forward(self, raw_HP: Tensor) -> Tensor:
        """Ascending quantiles in scaled units; (..., H, P) -> (..., H, Q)."""
        m = self.median
        middle = raw_HP[..., m : m + 1]
        above = middle + functional.softplus(raw_HP[..., m + 1 :]).cumsum(-1)
        below = middle - functional.softplus(raw_HP[..., :m]).flip(-1).cumsum(-1).flip(-1)
        return torch.cat([below, middle, above], dim=-1)


HEADS: dict[str, type[QuantileHead]] = {"quantiles": QuantileHead}


def make_head(name: str, levels: tuple[float, ...]) -> QuantileHead:
    """The head of this name; InputError for an unknown one."""
    if name not in HEADS:
        raise unknown("head", name, list(HEADS), "head of the forecaster")
    return HEADS[name](levels)
