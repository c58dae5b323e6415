"""Target transforms: what y becomes before it is scaled, and back, exactly.

u = f(y), or the difference of f(y) to one step or one season ago. All are monotone, so quantiles and sample paths are
mapped back one by one and stay exact; a mean is mapped back exactly only where f is the identity, else it is the mean of
mapped paths. A difference is undone from the newest values before the horizon: f(y[o+h]) = f(y[o]) + u[o+1] + .. + u[o+h],
and the network learns that sum for each h, so that its quantiles need no assumption about how steps depend on each other.
"""

from collections.abc import Callable
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from forecasting.errors import unknown

Lag = Literal["none", "step", "season"]


class Transform(NamedTuple):
    """f and its inverse on tensors of y in float64; y below `least` is outside what f takes."""

    forward: Callable[[Tensor], Tensor]
    inverse: Callable[[Tensor], Tensor]
    least: float
    lag: Lag
    description: str

    @property
    def is_linear(self) -> bool:
        """Whether the mean of y is the mapped mean."""
        return self.forward is _same

    def steps_back(self, season_length: int) -> int:
        """How many steps ago the value lies that is taken off; 0: none is."""
        return {"none": 0, "step": 1, "season": season_length}[self.lag]


def _same(y: Tensor) -> Tensor:
    return y


_INF = float("inf")
TRANSFORMS: dict[str, Transform] = {
    "none": Transform(_same, _same, -_INF, "none", "y as it is"),
    "log1p": Transform(torch.log1p, torch.expm1, 0.0, "none", "log(1 + y): effects that multiply; y of at least 0"),
    "asinh": Transform(torch.asinh, torch.sinh, -_INF, "none", "like a logarithm far from 0, on both sides of it"),
    "difference": Transform(_same, _same, -_INF, "step", "the step from the value before: removes a wandering level"),
    "seasonal_difference": Transform(_same, _same, -_INF, "season", "the change from a season ago: removes the season"),
    "log1p_difference": Transform(torch.log1p, torch.expm1, 0.0, "step", "growth from step to step; y of at least 0"),
}


def transform_of(name: str) -> Transform:
    """The row of TRANSFORMS; InputError for an unknown name."""
    if name not in TRANSFORMS:
        raise unknown("transform", name, list(TRANSFORMS), "transform of the forecaster")
    return TRANSFORMS[name]


def accumulate(u_BJH: Tensor, lag: int) -> Tensor:
    """Sums that undo a difference over `lag` steps: u[h] + u[h - lag] + u[h - 2 lag] + ..; (B, J, H)."""
    H = u_BJH.shape[-1]
    if lag >= H:
        return u_BJH
    seasons = -(-H // lag)
    padded = torch.nn.functional.pad(u_BJH, (0, seasons * lag - H))
    return padded.reshape(*u_BJH.shape[:-1], seasons, lag).cumsum(-2).flatten(-2)[..., :H]
