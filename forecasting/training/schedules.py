"""Learning-rate schedules over a fixed budget of steps, as a factor of the peak rate."""

import math
from collections.abc import Callable

WARM_UP = 0.3  # share of the budget in which one_cycle rises
_START, _END = 0.04, 0.004


def constant(done: float) -> float:
    """The same rate throughout."""
    return 1.0


def cosine(done: float) -> float:
    """Loshchilov & Hutter 2017: half a cosine from 1 down to 0."""
    return 0.5 * (1 + math.cos(math.pi * done))


def one_cycle(done: float) -> float:
    """Smith & Topin 2018: up along a cosine for the first part, down along one for the rest."""
    if done < WARM_UP:
        return _START + (1 - _START) * (1 - cosine(done / WARM_UP))
    return _END + (1 - _END) * cosine((done - WARM_UP) / (1 - WARM_UP))


SCHEDULES: dict[str, Callable[[float], float]] = {"constant": constant, "cosine": cosine, "one_cycle": one_cycle}
