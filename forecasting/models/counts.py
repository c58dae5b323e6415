"""Counts that are overdispersed: quantiles and samples of the negative binomial with mean m and variance m + m^2 / r."""

import itertools
from collections.abc import Callable

import torch
from torch import Tensor

Uniform = Callable[[int], Tensor]
_TERMS = 1000  # of a continued fraction
_ROUNDS = 1 << 20  # kept for each kind of draw
_FEW = 10.0
_CLOSE = 1e-13


def negative_binomial_quantile(level: Tensor, mean: Tensor, shape: Tensor) -> Tensor:
    """The smallest count k with P(Y <= k) >= level, found by bisection; all broadcast."""
    dtype = mean.dtype
    nothing = torch.zeros_like(level.double() + mean + shape)
    level, mean, shape = level.double() + nothing, mean.double() + nothing, shape.double() + nothing
    spread = (mean + mean.square() / shape).sqrt()
    low = torch.full_like(mean, -1.0)  # P(Y <= low) < level always
    high = (mean + spread * torch.special.ndtri(level).abs()).ceil()
    while (short := _distribution(high, mean, shape) < level).any():
        low, high = torch.where(short, high, low), torch.where(short, 2 * high + 1, high)
    while (high - low > 1).any():
        middle = ((low + high) / 2).floor()
        short = (_distribution(middle, mean, shape) < level) & (high - low > 1)
        low, high = torch.where(short, middle, low), torch.where(short | (high - low <= 1), high, middle)
    found: Tensor = high.to(dtype)
    return found


def _distribution(k: Tensor, mean: Tensor, shape: Tensor) -> Tensor:
    """P(Y <= k) = I_p(r, k + 1) with p = r / (r + m)."""
    x = shape / (shape + mean)
    a, b = shape, k.clamp(min=0) + 1
    log_front = torch.lgamma(a + b) - torch.lgamma(a) - torch.lgamma(b) + a * x.log() + b * torch.log1p(-x)
    swapped = x > (a + 1) / (a + b + 2)
    p, q, z = torch.where(swapped, b, a), torch.where(swapped, a, b), torch.where(swapped, 1 - x, x)
    part = log_front.exp() * _fraction(p, q, z) / p
    return torch.where(k < 0, 0.0, torch.where(swapped, 1 - part, part))


def _fraction(a: Tensor, b: Tensor, x: Tensor) -> Tensor:
    """The continued fraction of the incomplete beta function, by Lentz's method; DLMF 8.17.22."""
    tiny = 1e-300
    d = 1 / _away_from_zero(1 - (a + b) * x / (a + 1), tiny)
    c, value = torch.ones_like(x), d
    for m in range(1, _TERMS):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        d, c = 1 / _away_from_zero(1 + even * d, tiny), _away_from_zero(1 + even / c, tiny)
        value = value * d * c
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        d, c = 1 / _away_from_zero(1 + odd * d, tiny), _away_from_zero(1 + odd / c, tiny)
        value = value * d * c
        if (d * c - 1).abs().max() < _CLOSE:
            break
    return value


def _away_from_zero(value: Tensor, tiny: float) -> Tensor:
    return torch.where(value.abs() < tiny, tiny, value)


def gamma_poisson(mean: Tensor, shape: Tensor, uniform: Uniform) -> Tensor:
    """Counts drawn as Poisson of a gamma rate; `uniform(round)` gives numbers in (0, 1), others in each round.

    What an element becomes depends on its own numbers alone: each kind of draw has rounds of its own.
    """
    first = uniform(0)
    mean, shape = mean.double() + torch.zeros_like(first), shape.double() + torch.zeros_like(first)
    rate = _gamma(shape, _from(uniform, 0)) * mean / shape
    few = _by_waiting(rate.clamp(max=_FEW), _from(uniform, _ROUNDS))
    many = _by_rejection(rate.clamp(min=_FEW), _from(uniform, 2 * _ROUNDS))
    return torch.where(rate < _FEW, few, many).to(first.dtype)


def _from(uniform: Uniform, first: int) -> Callable[[], Tensor]:
    """Round after round, in float64."""
    rounds = itertools.count(first)
    return lambda: uniform(next(rounds)).double()


def _gamma(shape: Tensor, fresh: Callable[[], Tensor]) -> Tensor:
    """Of unit scale; Marsaglia & Tsang 2000, tries until every element has accepted one."""
    small = shape < 1
    d = torch.where(small, shape + 1, shape) - 1 / 3
    boost = torch.where(small, fresh().log() / shape, 0.0).exp()
    drawn, open_ = torch.zeros_like(shape), torch.ones_like(shape, dtype=torch.bool)
    while open_.any():
        x = torch.special.ndtri(fresh())
        v = (1 + x / (9 * d).sqrt()).clamp(min=0).pow(3)
        accepted = (v > 0) & (fresh().log() < 0.5 * x.square() + d * (1 - v + v.clamp(min=1e-300).log()))
        drawn, open_ = torch.where(open_ & accepted, d * v, drawn), open_ & ~accepted
    return drawn * boost


def _by_waiting(rate: Tensor, fresh: Callable[[], Tensor]) -> Tensor:
    """Poisson counts as the exponential waits that fit into a rate of at most _FEW."""
    count, waited = torch.zeros_like(rate), -fresh().log()
    while (running := waited < rate).any():
        count += running
        waited = waited - fresh().log()
    return count


def _by_rejection(rate: Tensor, fresh: Callable[[], Tensor]) -> Tensor:
    """Poisson counts of a rate of at least _FEW by transformed rejection (PTRS, Hörmann 1993)."""
    b = 0.931 + 2.53 * rate.sqrt()
    a = -0.059 + 0.02483 * b
    alpha = 1.1239 + 1.1328 / (b - 3.4)
    drawn, open_ = torch.zeros_like(rate), torch.ones_like(rate, dtype=torch.bool)
    while open_.any():
        u, v = fresh() - 0.5, fresh()
        us = 0.5 - u.abs()
        k = ((2 * a / us + b) * u + rate + 0.43).floor()
        surely = (us >= 0.07) & (v <= 0.9277 - 3.6224 / (b - 2))
        never = (k < 0) | ((us < 0.013) & (v > us))
        left = (v * alpha / (a / us.square() + b)).log()
        accepted = surely | (~never & (left <= k * rate.log() - rate - torch.lgamma(k.clamp(min=0) + 1)))
        drawn, open_ = torch.where(open_ & accepted, k, drawn), open_ & ~accepted
    return drawn
