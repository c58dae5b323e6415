"""Random numbers by counter: each is a function of a key, a path, a step and a round, so none depends on what else is drawn.

splitmix64 (Steele, Lea & Flood 2014) over int64, whose products wrap around; the same on every device.
Axes: B keys, S steps, N paths.
"""

from collections.abc import Callable

import torch
from torch import Tensor

_GOLDEN = 0x9E3779B97F4A7C15 - (1 << 64)
_FIRST = 0xBF58476D1CE4E5B9 - (1 << 64)
_SECOND = 0x94D049BB133111EB - (1 << 64)


class Draws:
    """Numbers in (0, 1) for the paths of B origins with keys (B,) int64; path n is the same whatever N is."""

    def __init__(self, key_B: Tensor, n_paths: int) -> None:
        path_N = torch.arange(1, n_paths + 1, device=key_B.device)
        self.key_BN = _mixed(key_B[:, None] + path_N * _GOLDEN)

    def uniform(self, first_step: int, n_steps: int) -> Callable[[int], Tensor]:
        """A source for these steps: numbers of any round, (B, S, N), float64."""
        step_S = torch.arange(first_step + 1, first_step + n_steps + 1, device=self.key_BN.device)
        state = _mixed(self.key_BN[:, None] + step_S[:, None] * _GOLDEN)

        def of_round(number: int) -> Tensor:
            counted = _mixed(state + _signed((number + 1) * _GOLDEN))
            return (_right(counted, 11).double() + 0.5) * 2.0**-53

        return of_round


def _signed(number: int) -> int:
    """As int64 wraps it around."""
    return (number + (1 << 63)) % (1 << 64) - (1 << 63)


def _mixed(x: Tensor) -> Tensor:
    x = (x ^ _right(x, 30)) * _FIRST
    x = (x ^ _right(x, 27)) * _SECOND
    return x ^ _right(x, 31)


def _right(x: Tensor, n: int) -> Tensor:
    """Shifted without its sign."""
    return (x >> n) & ((1 << (64 - n)) - 1)
