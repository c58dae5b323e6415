"""Heads: from P raw numbers per step to a distribution over its value. Axes: ... leading, H horizon, Q quantile levels."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from forecasting.errors import unknown
from forecasting.models.distributions import (
    Distribution,
    NegativeBinomial,
    Normal,
    Point,
    Quantiles,
    StudentT,
    positive_scale,
)
from forecasting.models.laplace import laplace

Levels = tuple[float, ...]


class Head(NamedTuple):
    """`make(raw (..., H, P), spread, levels)`; `spread` is the window's, (..., 1), in the unit of y."""

    make: Callable[[Tensor, Tensor, Levels], Distribution]
    n_parameters: Callable[[Levels], int]  # P
    has_density: bool  # can be fitted by its likelihood
    is_random: bool  # samples differ, so that paths can be drawn from it
    description: str
    of_counts: bool = False  # its values are counts of y, which nothing may shift


def _point(raw: Tensor, spread: Tensor, levels: Levels) -> Distribution:
    return Point(raw[..., 0])


def _quantiles(raw: Tensor, spread: Tensor, levels: Levels) -> Distribution:
    """The median, and softplus steps cumulated upwards and downwards from it; Gasthaus et al. 2019, Park et al. 2022."""
    m = levels.index(0.5)
    steps = functional.softplus(raw)  # of all at once, the median's too: one pass over memory in place of many
    ascending = [raw[..., m]]
    for q in range(m + 1, len(levels)):
        ascending.append(ascending[-1] + steps[..., q])
    for q in reversed(range(m)):
        ascending.insert(0, ascending[0] - steps[..., q])
    return Quantiles(torch.stack(ascending, dim=-1), levels)


def _normal(raw: Tensor, spread: Tensor, levels: Levels) -> Distribution:
    return Normal(raw[..., 0], positive_scale(raw[..., 1]))


def _student_t(raw: Tensor, spread: Tensor, levels: Levels) -> Distribution:
    return StudentT(
        raw[..., 0], positive_scale(raw[..., 1]), 2.01 + functional.softplus(raw[..., 2] + 2)
    )  # starts near 4 degrees of freedom


def _negative_binomial(raw: Tensor, spread: Tensor, levels: Levels) -> Distribution:
    mean, shape = functional.softplus(raw[..., 0]), functional.softplus(raw[..., 1] + 2) + 1e-2
    return NegativeBinomial(mean, shape, spread.to(raw.dtype))


HEADS: dict[str, Head] = {
    "point": Head(
        _point, lambda _: 1, False, False, "one value without spread; loss mae learns the median, mse the mean"
    ),
    "quantiles": Head(_quantiles, len, False, True, "quantiles that cannot cross, without any assumed distribution"),
    "normal": Head(_normal, lambda _: 2, True, True, "Gauss: location and standard deviation, by likelihood"),
    "student_t": Head(_student_t, lambda _: 3, True, True, "like normal with heavy tails: outliers pull less"),
    "laplace": Head(laplace, lambda _: 2, True, True, "like normal with a peak and heavier tails: absolute errors"),
    "negative_binomial": Head(
        _negative_binomial,
        lambda _: 2,
        True,
        True,
        "counts, by likelihood; nothing is added to its scale",
        of_counts=True,
    ),
}


def head_of(name: str) -> Head:
    """The row of HEADS; InputError for an unknown name."""
    if name not in HEADS:
        raise unknown("head", name, list(HEADS), "head of the forecaster")
    return HEADS[name]


def heads_where(holds: Callable[[Head], bool]) -> str:
    """The names of such heads, as a message lists them: "a, b or c"."""
    *most, last = [name for name, head in HEADS.items() if holds(head)]
    return f"{', '.join(most)} or {last}" if most else last
