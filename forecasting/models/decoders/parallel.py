"""Parallel decoder: recurrent steps of its own over the horizon, none of which reads an output; one pass gives all.

s_0 starts from the encoder; step h reads k_h, the known-future covariates, and e_h, a vector that the start gives to h.
Where the input is cut into segments, so is the horizon: one recurrent step gives s steps (SegRNN, Lin et al. 2023).
Axes: B, H horizon, K known-future covariates, N recurrent steps, E inputs, D hidden, P parameters of the head.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from forecasting.models.recurrence import make_recurrence
from forecasting.models.shape import NetworkShape
from forecasting.models.static import FirstStates

_STEP_FEATURES = 16


class ParallelDecoder(nn.Module):
    """One start vector (B, n_start) per layer, and future (B, H, K) -> raw (B, H, P)."""

    def __init__(self, n_start: int, shape: NetworkShape, n_parameters: int) -> None:
        super().__init__()
        self.horizon, self.stride = shape.horizon, shape.segment_length or 1
        self.n_steps = -(-shape.horizon // self.stride)
        self.bridge = FirstStates(n_start, shape)
        self.steps = nn.Linear(n_start, self.n_steps * _STEP_FEATURES)
        n_inputs = shape.n_future * self.stride + _STEP_FEATURES
        self.recurrence = make_recurrence(shape, n_inputs)
        self.out = nn.Linear(shape.hidden_size, n_parameters * self.stride)

    def forward(self, start: list[Tensor], future_BHK: Tensor) -> Tensor:
        """Raw parameters of the horizon."""
        steps_BNE = self.steps(start[-1]).unflatten(-1, (self.n_steps, _STEP_FEATURES))
        filled = functional.pad(future_BHK, (0, 0, 0, self.n_steps * self.stride - self.horizon))
        known_BNK = filled.reshape(len(filled), self.n_steps, -1)
        hidden_BND = self.recurrence(torch.cat([known_BNK, steps_BNE], dim=2), self.bridge(start))[-1]
        raw_BHP: Tensor = self.out(hidden_BND).reshape(len(filled), self.n_steps * self.stride, -1)
        return raw_BHP[:, : self.horizon]
