"""Autoregressive decoder: each step of the horizon reads the value of the step before it.

In training that value is the true one (teacher forcing, Williams & Zipser 1989), in one pass; with scheduled sampling
(Bengio et al. 2015) a coin decides for each value whether the decoder reads its own draw instead, with a probability that
rises over training. In forecasting it is the path's own draw, one path at a time: never a mean.
Axes: B, H horizon, K known-future covariates, D hidden, P parameters of the head. Values are in scaled units.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from forecasting.models.cell import State
from forecasting.models.recurrence import make_recurrence
from forecasting.models.shape import NetworkShape
from forecasting.models.static import FirstStates

SAMPLING_SCHEDULES: dict[str, Callable[[float], float]] = {  # share of training done -> share of the final probability
    "linear": lambda done: done,
    "exponential": lambda done: (1 - 0.01**done) / (1 - 0.01),
    "inverse_sigmoid": lambda done: 1 / (1 + math.exp(-12 * (done - 0.5))),
}


class AutoregressiveDecoder(nn.Module):
    """A step reads (value before it, whether that is known, k_h); before the first stands a learned value."""

    def __init__(self, n_start: int, shape: NetworkShape, n_parameters: int) -> None:
        super().__init__()
        self.bridge = FirstStates(n_start, shape)
        self.first = nn.Parameter(torch.zeros(2))
        self.recurrence = make_recurrence(shape, 2 + shape.n_future)
        self.out = nn.Linear(shape.hidden_size, n_parameters)
        self.final, self.rise = shape.sampling, SAMPLING_SCHEDULES[shape.sampling_schedule]
        self.n_steps = shape.sampling_steps
        self.step: Tensor  # of training; part of the saved state
        self.register_buffer("step", torch.zeros((), dtype=torch.int64))

    def forward(
        self, start: list[Tensor], future_BHK: Tensor, truth_BH2: Tensor, draw: Callable[[Tensor], Tensor]
    ) -> Tensor:
        """Raw parameters (B, H, P) given the true values before each step; truth holds value and whether it is known.

        `draw` gives values (B, 1) drawn from raw (B, 1, P).
        """
        states = self.bridge(start)
        before_BH2 = torch.cat([self._first(future_BHK), truth_BH2[:, :-1]], dim=1)
        if not self.training or not self.final:
            hidden_BHD = self.recurrence(torch.cat([before_BH2, future_BHK], dim=2), states)[-1]
            raw_BHP: Tensor = self.out(hidden_BHD)
            return raw_BHP
        probability = self.final * self.rise(min(1.0, int(self.step) / self.n_steps))
        self.step += 1
        return self._sampled(states, before_BH2, future_BHK, probability, draw)

    def begin(self, start: list[Tensor], future_B1K: Tensor) -> tuple[Tensor, list[State]]:
        """Raw parameters of the first step, (B, 1, P), and the states after it."""
        return self._step(self._first(future_B1K)[:, 0], future_B1K, self.bridge(start))

    def advance(self, value_B1: Tensor, future_B1K: Tensor, states: list[State]) -> tuple[Tensor, list[State]]:
        """Raw parameters of the next step after `value`, and the states after it."""
        return self._step(torch.cat([value_B1, torch.ones_like(value_B1)], dim=1), future_B1K, states)

    def _first(self, future_BHK: Tensor) -> Tensor:
        return self.first.expand(len(future_BHK), 1, 2)

    def _step(self, before_B2: Tensor, future_B1K: Tensor, states: list[State]) -> tuple[Tensor, list[State]]:
        hidden_BD, after = self.recurrence.step(torch.cat([before_B2, future_B1K[:, 0]], dim=1), states)
        return self.out(hidden_BD)[:, None], after

    def _sampled(
        self,
        states: list[State],
        before_BH2: Tensor,
        future_BHK: Tensor,
        probability: float,
        draw: Callable[[Tensor], Tensor],
    ) -> Tensor:
        raws: list[Tensor] = []
        for h in range(future_BHK.shape[1]):
            before_B2 = before_BH2[:, h]
            if h:
                own_B1 = draw(raws[-1].detach())
                coin_B1 = torch.rand_like(own_B1) < probability
                before_B2 = torch.where(coin_B1, torch.cat([own_B1, torch.ones_like(own_B1)], dim=1), before_B2)
            raw_B1P, states = self._step(before_B2, future_BHK[:, h : h + 1], states)
            raws.append(raw_B1P)
        return torch.cat(raws, dim=1)
