"""Window scalers: level and spread of each window, from its own past only, so that z = (y - level) / spread.

Comes in: y (B, T) in float64 and the mask of steps that are known, left-aligned. Goes out: `Scale` with level and spread
(B, 1) for the whole window, or (B, T) where every step is an origin: there step t uses steps up to t alone. Values at
unknown steps are never read (they must be finite). A window without movement has no scale: its spread is a floor far
below its level, `moves` is False, and the loss leaves it out. y = level + spread * z gives back what went in.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from forecasting.errors import InputError, unknown

_RELATIVE_FLOOR = 1e-6  # of the largest |y| seen: the rounding of float32 stays below it
_TINY = 1e-300
PANEL = "panel"


class Scale(NamedTuple):
    """Level and spread in the unit of y, and whether the spread was measured; all (B, 1) or (B, T), float64."""

    level: Tensor
    spread: Tensor
    moves: Tensor

    def apply(self, y: Tensor) -> Tensor:
        """y in units of the window; broadcasts."""
        return (y - self.level) / self.spread


Statistic = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]  # y, known -> level, spread


class Scaler(NamedTuple):
    """`causal` is None where no statistic of step t from the steps up to it is offered.

    With `learned_affine` the network moves what is scaled by two learned numbers and its forecasts back (see `reversible`).
    """

    whole: Statistic
    causal: Statistic | None
    description: str
    learned_affine: bool = False


def scale_windows(
    name: str, y_BT: Tensor, known_BT: Tensor, *, causal: bool, panel: tuple[float, float] = (0.0, 1.0)
) -> Scale:
    """Scale of each window, (B, 1), or with `causal` of each step, (B, T); InputError where the scaler has no causal form.

    `panel` is the level and spread of all series together, for the scaling of that name.
    """
    require_scaler(name, causal=causal)
    scaler = SCALERS[name]
    statistic = scaler.causal if causal and scaler.causal else scaler.whole
    level, spread = statistic(torch.where(known_BT, y_BT, 0.0), known_BT)
    if name in ("none", PANEL):
        return Scale(level + panel[0], spread * panel[1], torch.ones_like(spread, dtype=torch.bool))
    size = torch.where(known_BT, y_BT.abs(), 0.0)
    largest = size.cummax(1).values if causal else size.amax(1, keepdim=True)
    floor = torch.clamp(largest * _RELATIVE_FLOOR, min=_TINY)
    moves = torch.isfinite(spread) & (spread > floor)
    return Scale(level, torch.where(moves, spread, floor), moves)


def require_scaler(name: str, *, causal: bool) -> None:
    """InputError for an unknown name, or for one that would scale a step by later ones where every step is an origin."""
    if name not in SCALERS:
        raise unknown("scaling", name, list(SCALERS), "scaling of the forecaster")
    if causal and SCALERS[name].causal is None:
        known = [known for known, scaler in SCALERS.items() if scaler.causal]
        raise InputError(
            f"where every step is an origin (many_to_many) a step must be scaled by steps up to it, got scaling {name!r}, "
            f"which reads the whole window: set scaling to one of {', '.join(known)}"
        )


def last_known(y_BT: Tensor, known_BT: Tensor) -> Tensor:
    """The newest known y up to each step, 0 before the first; (B, T)."""
    steps = torch.arange(y_BT.shape[1], device=y_BT.device).expand_as(y_BT)
    newest = torch.where(known_BT, steps, -1).cummax(1).values
    return torch.where(newest >= 0, y_BT.gather(1, newest.clamp(min=0)), 0.0)


def _first_known(y: Tensor, known: Tensor) -> Tensor:
    """(B, 1); subtracting it first keeps sums of squares exact far from zero."""
    return y.gather(1, known.to(torch.int8).argmax(1, keepdim=True))


def _count(known: Tensor) -> Tensor:
    return known.sum(1, keepdim=True).clamp(min=1)


def _ratio(total: Tensor, count: Tensor) -> Tensor:
    return total / count.clamp(min=1)


def _steps_between(y: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
    """|y_t - y_{t-1}| (0 at the first step) and where both are known; both (B, T)."""
    both = torch.zeros_like(known)
    both[:, 1:] = known[:, 1:] & known[:, :-1]
    sizes = torch.zeros_like(y)
    sizes[:, 1:] = (y[:, 1:] - y[:, :-1]).abs()
    return torch.where(both, sizes, 0.0), both


def _none(y: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
    return torch.zeros_like(y[:, :1]), torch.ones_like(y[:, :1])


def _none_causal(y: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
    return torch.zeros_like(y), torch.ones_like(y)


def _mean_abs(y: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
    """Salinas et al. 2020 (DeepAR): mean |y|."""
    spread = y.abs().sum(1, keepdim=True) / _count(known)
    return torch.zeros_like(spread), spread


def _mean_abs_causal(y: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
    return torch.zeros_like(y), _ratio(y.abs().cumsum(1), known.cumsum(1))


def _standard(y: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
    first = _first_known(y, known)
    moved = torch.where(known, y - first, 0.0)
    mean = moved.sum(1, keepdim=True) / _count(known)
    deviation = torch.where(known, moved - mean, 0.0)
    return first + mean, (deviation.square().sum(1, keepdim=True) / _count(known)).sqrt()


def _standard_causal(y: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
    """Sums of squares around the first known value, which is one of those counted: so what is lost to rounding in
    E[x^2] - E[x]^2 stays below T^2 roundings of the variance itself, far from zero and after jumps alike.
    """
    first = _first_known(y, known)  # a step before the first known one has count 0 and reads level 0 + nothing
    moved = torch.where(known, y - first, 0.0)
    count = known.cumsum(1)
    mean = _ratio(moved.cumsum(1), count)
    variance = _ratio(moved.square().cumsum(1), count) - mean.square()
    return torch.where(count > 0, first + mean, 0.0), variance.clamp(min=0).sqrt()


def _robust(y: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
    """Median and interquartile range as a standard deviation (/ 1.349); the plain one where half the values are alike."""
    values = torch.where(known, y, torch.nan)
    level = values.nanquantile(0.5, dim=1, keepdim=True).nan_to_num()
    low = values.nanquantile(0.25, dim=1, keepdim=True).nan_to_num()
    high = values.nanquantile(0.75, dim=1, keepdim=True).nan_to_num()
    plain = _standard(y, known)[1]
    spread = (high - low) / 1.349
    return level, torch.where(spread > 1e-3 * plain, spread, plain)


def _last_value(y: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
    """The newest value, and the mean absolute step: the unit in which a random walk moves."""
    sizes, both = _steps_between(y, known)
    return last_known(y, known)[:, -1:], sizes.sum(1, keepdim=True) / _count(both)


def _last_value_causal(y: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
    sizes, both = _steps_between(y, known)
    return last_known(y, known), _ratio(sizes.cumsum(1), both.cumsum(1))


SCALERS: dict[str, Scaler] = {
    "none": Scaler(_none, _none_causal, "y as it is"),
    PANEL: Scaler(_none, _none_causal, "one level and spread for all series, for those without history"),
    "mean_abs": Scaler(_mean_abs, _mean_abs_causal, "divided by the mean size of the window; keeps zero and counts"),
    "standard": Scaler(_standard, _standard_causal, "mean and standard deviation of the window"),
    "robust": Scaler(_robust, None, "median and quartiles of the window: outliers pull less; not for many_to_many"),
    "last_value": Scaler(_last_value, _last_value_causal, "from the newest value, in units of the mean step"),
    "reversible": Scaler(
        _standard,
        _standard_causal,
        "standard with a learned factor and shift (RevIN, Kim et al. 2022)",
        learned_affine=True,
    ),
}
