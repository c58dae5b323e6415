"""The head laplace: location and scale of a Laplace distribution, whose likelihood is the absolute error with a learned unit."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from forecasting.models.distributions import LocationScale, positive_scale


@dataclass(frozen=True)
class Laplace(LocationScale):
    """Density exp(-|z - location| / scale) / (2 scale); the standard deviation is sqrt(2) scale."""

    def quantile(self, level: Tensor) -> Tensor:
        """location -+ scale log(2 tail), with the tail on the level's own side, so that both ends are exact."""
        away = torch.log(2 * torch.minimum(level, 1 - level))
        return self.location[..., None] + self.scale[..., None] * torch.where(level < 0.5, away, -away)

    def log_prob(self, z: Tensor) -> Tensor:
        return -(z - self.location).abs() / self.scale - self.scale.log() - math.log(2)


def laplace(raw: Tensor, _spread: Tensor, _levels: tuple[float, ...]) -> Laplace:
    """From raw (..., H, 2)."""
    return Laplace(raw[..., 0], positive_scale(raw[..., 1]))
