"""Quantiles of Student's t for any real degrees of freedom, which torch does not have.

Hill 1970 (algorithm 396) gives four digits or more; two Newton steps on the distribution function make it exact to
float64's rounding of the integral. With t = sqrt(v) tan(a) that function is 1/2 + c * the integral of cos^(v-1) from 0 to
a, which is smooth and taken by Gauss and Legendre's rule.
"""

import math

import numpy as np
import torch
from torch import Tensor

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(24)


def student_quantile(level: Tensor, freedom: Tensor) -> Tensor:
    """The value below which a share `level` of Student's t with `freedom` > 2 lies; both broadcast."""
    level, v = level.double(), freedom.double() + torch.zeros_like(level, dtype=torch.float64)
    tail = torch.minimum(level, 1 - level)  # of the lower side; the sign comes back at the end
    angle = torch.atan(_hill(2 * tail, v) / v.sqrt())
    constant = torch.exp(torch.lgamma((v + 1) / 2) - torch.lgamma(v / 2)) / math.sqrt(math.pi)
    for _ in range(2):
        density = constant * torch.cos(angle).pow(v - 1)
        angle = angle + (0.5 - tail - constant * _integral(angle, v)) / density.clamp(min=1e-300)
    size = v.sqrt() * torch.tan(angle)
    return torch.where(level < 0.5, -size, size).to(freedom.dtype)


def _integral(angle: Tensor, v: Tensor) -> Tensor:
    """Of cos^(v-1) from 0 to angle."""
    total = torch.zeros_like(angle)
    for node, weight in zip(_NODES, _WEIGHTS, strict=True):
        total += weight * torch.cos(angle * (node + 1) / 2).pow(v - 1)
    return total * angle / 2


def _hill(both: Tensor, v: Tensor) -> Tensor:
    """|t| beyond which the share `both` lies on the two sides together."""
    a = 1 / (v - 0.5)
    b = 48 / a.square()
    c = ((20700 * a / b - 98) * a - 16) * a + 96.36
    d = ((94.5 / (b + c) - 3) / b + 1) * (a * math.pi / 2).sqrt() * v
    y = (d * both).pow(2 / v)
    x = torch.special.ndtri(0.5 * both)
    inner = x.square()
    bent = torch.where(v < 5, c + 0.3 * (v - 4.5) * (x + 0.6), c)
    bent = (((0.05 * d * x - 5) * x - 7) * x - 2) * x + b + bent
    near = (((((0.4 * inner + 6.3) * inner + 36) * inner + 94.5) / bent - inner - 3) / b + 1) * x
    far = ((1 / (((v + 6) / (v * y) - 0.089 * d - 0.822) * (v + 2) * 3) + 0.5 / (v + 4)) * y - 1) * (v + 1) / (v + 2)
    return (v * torch.where(y > 0.05 + a, torch.expm1(a * near.square()), far + 1 / y)).clamp(min=0).sqrt()
