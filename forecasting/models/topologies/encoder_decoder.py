"""encoder_decoder: T steps in, H steps out; the decoder has weights of its own and reads what is known of each step.

    x_1   x_2  ...  x_T                 k_h: known-future covariates of step h
     |     |         |                  e_h: a learned vector of step h
    [h_1]-[h_2]-..-[h_T] ==bridge==> [s_1]--[s_2]--...--[s_H]
                                       |      |           |     inputs (k_h, e_h)
                                      y_1    y_2         y_H

Cho et al. 2014, Sutskever et al. 2014. No output is fed back (as in Lin et al. 2023), so training and forecasting run
the same way and all steps come from one pass. The bridge is linear with tanh from each layer's last hidden state; an
lstm's decoder memory starts from a second linear map of it.
"""

import torch
from torch import Tensor, nn

from forecasting.models.cells import Recurrence, State, at_last_step, cell_of
from forecasting.models.shape import NetworkShape

EVERY_STEP = False
_STEP_FEATURES = 16


class EncoderDecoder(nn.Module):
    """B windows of T steps -> (B, H, P)."""

    def __init__(self, shape: NetworkShape, n_inputs: int, n_parameters: int) -> None:
        super().__init__()
        D, layers = shape.hidden_size, shape.n_layers
        self.encoder = Recurrence(shape.cell, n_inputs, D, layers, shape.dropout)
        self.bridge = nn.ModuleList(nn.Linear(D, D) for _ in range(layers))
        has_memory = cell_of(shape.cell).has_memory
        self.memory = nn.ModuleList(nn.Linear(D, D) for _ in range(layers if has_memory else 0))
        self.horizon = shape.horizon
        self.steps = nn.Linear(D, shape.horizon * _STEP_FEATURES)
        self.decoder = Recurrence(shape.cell, shape.n_future + _STEP_FEATURES, D, layers, shape.dropout)
        self.out = nn.Linear(D, n_parameters)

    def forward(self, inputs_BTF: Tensor, length_B: Tensor, future_BHK: Tensor) -> Tensor:
        """Raw parameters of the horizon after the last step of each window."""
        last = [at_last_step(hidden, length_B) for hidden in self.encoder(inputs_BTF)]
        states = self._bridged(last)
        steps_BHE = self.steps(last[-1]).unflatten(-1, (self.horizon, _STEP_FEATURES))
        hidden_BHD = self.decoder(torch.cat([future_BHK, steps_BHE], dim=2), states)[-1]
        raw_BHP: Tensor = self.out(hidden_BHD)
        return raw_BHP

    def _bridged(self, last: list[Tensor]) -> list[State]:
        """First states of the decoder's layers from the encoder's last ones, each (B, D)."""
        hidden = [torch.tanh(bridge(h))[None] for bridge, h in zip(self.bridge, last, strict=True)]
        if not len(self.memory):
            return [*hidden]
        memory = [linear(h)[None] for linear, h in zip(self.memory, last, strict=True)]
        return list(zip(hidden, memory, strict=True))
