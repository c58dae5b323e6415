"""What a forecast step is: a distribution over its value, in the scaled units of the window.

Comes in: parameters of every step, each (..., H). Goes out: mean, median, quantiles at any levels, samples; the log
probability of an outcome where the distribution has a density; the same distribution in another unit. Heads make them
from a network's raw numbers. Axes: ... leading, H horizon, Q quantile levels of the head, X levels asked for or samples drawn.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor
from torch.nn import functional

from forecasting.models.counts import gamma_poisson, negative_binomial_quantile
from forecasting.models.student import student_quantile

_SMALLEST_SCALE = 1e-4  # in units of the window: keeps a likelihood bounded
Uniform = Callable[[int], Tensor]  # of a round: numbers in (0, 1), others in each round; (..., H, X)


class Distribution(ABC):
    """Of every step, (..., H)."""

    @abstractmethod
    def mean(self) -> Tensor:
        """(..., H)."""

    @abstractmethod
    def quantile(self, level: Tensor) -> Tensor:
        """The value below which a share `level` lies; level broadcasts against (..., H, 1) and gives (..., H, X)."""

    @abstractmethod
    def median(self) -> Tensor:
        """(..., H)."""

    @abstractmethod
    def standardised(self, shift: Tensor, scale: Tensor) -> Self:
        """Of (value - shift) / scale; both (), scale above 0. TypeError where the values are counts, which have no other unit."""

    def quantiles(self, levels: tuple[float, ...]) -> Tensor:
        """Ascending quantiles at `levels`; (..., H, X)."""
        mean = self.mean()
        return self.quantile(torch.tensor(levels, dtype=mean.dtype, device=mean.device))

    def sample(self, uniform: Uniform) -> Tensor:
        """Values drawn by the inverse of the distribution function; (..., H, X)."""
        return self.quantile(uniform(0))


class Density(Distribution):
    """A distribution that can be fitted by its likelihood."""

    @abstractmethod
    def log_prob(self, z: Tensor) -> Tensor:
        """Log density (log probability of a count) at z (..., H); same shape."""


@dataclass(frozen=True)
class Point(Distribution):
    """One value and no spread: every quantile and every sample is the value itself."""

    location: Tensor

    def mean(self) -> Tensor:
        return self.location

    def median(self) -> Tensor:
        return self.location

    def quantile(self, level: Tensor) -> Tensor:
        return self.location[..., None] + torch.zeros_like(level)

    def standardised(self, shift: Tensor, scale: Tensor) -> Self:
        return replace(self, location=(self.location - shift) / scale)


@dataclass(frozen=True)
class Quantiles(Distribution):
    """Values (..., H, Q) at ascending levels with 0.5 among them.

    Between the levels, and beyond the outermost ones along the nearest piece, the value is linear in the normal score
    of the level: exact where the outcome is normal, two half-normals where only three levels are known.
    """

    values: Tensor
    levels: tuple[float, ...]

    def mean(self) -> Tensor:
        """By the midpoint rule over 100 levels."""
        level = (torch.arange(100, dtype=self.values.dtype, device=self.values.device) + 0.5) / 100
        return self.quantile(level).mean(-1)

    def median(self) -> Tensor:
        return self.values[..., self.levels.index(0.5)]

    def quantiles(self, levels: tuple[float, ...]) -> Tensor:
        return self.values if levels == self.levels else super().quantiles(levels)

    def quantile(self, level: Tensor) -> Tensor:
        if len(self.levels) == 1:
            return Point(self.median()).quantile(level)
        score = torch.special.ndtri(level)
        known = torch.special.ndtri(torch.tensor(self.levels, dtype=self.values.dtype, device=self.values.device))
        score = score + torch.zeros_like(self.values[..., :1])
        piece = torch.searchsorted(known[1:-1].contiguous(), score.contiguous())
        low, slope = known[piece], self.values.diff(dim=-1) / known.diff()
        value: Tensor = self.values.gather(-1, piece) + slope.gather(-1, piece) * (score - low)
        return value

    def standardised(self, shift: Tensor, scale: Tensor) -> Self:
        return replace(self, values=(self.values - shift) / scale)


@dataclass(frozen=True)
class LocationScale(Density):
    """One shape around a location that is both mean and median, `scale` wide."""

    location: Tensor
    scale: Tensor

    def mean(self) -> Tensor:
        return self.location

    def median(self) -> Tensor:
        return self.location

    def standardised(self, shift: Tensor, scale: Tensor) -> Self:
        return replace(self, location=(self.location - shift) / scale, scale=self.scale / scale)


def positive_scale(raw: Tensor) -> Tensor:
    """A scale above 0 from any number."""
    return functional.softplus(raw) + _SMALLEST_SCALE


@dataclass(frozen=True)
class Normal(LocationScale):
    """Gauss: location and standard deviation."""

    def quantile(self, level: Tensor) -> Tensor:
        away: Tensor = self.scale[..., None] * torch.special.ndtri(level)
        return self.location[..., None] + away

    def log_prob(self, z: Tensor) -> Tensor:
        return -0.5 * ((z - self.location) / self.scale).square() - self.scale.log() - 0.5 * math.log(2 * math.pi)


@dataclass(frozen=True)
class StudentT(LocationScale):
    """Student's t around a location, `freedom` (above 2, so that the variance exists) degrees of freedom."""

    freedom: Tensor

    def quantile(self, level: Tensor) -> Tensor:
        return self.location[..., None] + self.scale[..., None] * student_quantile(level, self.freedom[..., None])

    def sample(self, uniform: Uniform) -> Tensor:
        """Bailey 1994, the polar method: exact, two uniform numbers each."""
        v = self.freedom[..., None]
        radius = (v * torch.expm1(-2 / v * uniform(0).log())).sqrt()
        return self.location[..., None] + self.scale[..., None] * radius * torch.cos(2 * math.pi * uniform(1))

    def log_prob(self, z: Tensor) -> Tensor:
        v, away = self.freedom, (z - self.location) / self.scale
        constant = torch.lgamma((v + 1) / 2) - torch.lgamma(v / 2) - 0.5 * (math.pi * v).log()
        return constant - self.scale.log() - (v + 1) / 2 * torch.log1p(away.square() / v)


@dataclass(frozen=True)
class NegativeBinomial(Density):
    """Counts with mean m and variance m + m^2 / r, where m is in units of the window: `mean_scaled` times `spread`.

    z and every result are counts divided by `spread`, which broadcasts against (..., H). Salinas et al. 2020 (DeepAR).
    """

    mean_scaled: Tensor
    shape: Tensor  # r
    spread: Tensor

    @property
    def _count(self) -> Tensor:
        return (self.mean_scaled * self.spread).clamp(min=1e-8)

    def mean(self) -> Tensor:
        return self.mean_scaled

    def median(self) -> Tensor:
        return self.quantile(self.shape.new_full((1,), 0.5))[..., 0]

    def quantile(self, level: Tensor) -> Tensor:
        count = negative_binomial_quantile(level, self._count[..., None], self.shape[..., None])
        return count / self.spread[..., None]

    def sample(self, uniform: Uniform) -> Tensor:
        return gamma_poisson(self._count[..., None], self.shape[..., None], uniform) / self.spread[..., None]

    def standardised(self, shift: Tensor, scale: Tensor) -> Self:
        raise TypeError(f"counts cannot be moved, got a shift of {shift} and a scale of {scale}")

    def log_prob(self, z: Tensor) -> Tensor:
        y, m, r = (z * self.spread).round().clamp(min=0), self._count, self.shape
        ways = torch.lgamma(y + r) - torch.lgamma(r) - torch.lgamma(y + 1)
        return ways - r * torch.log1p(m / r) + y * (m.log() - (m + r).log())
