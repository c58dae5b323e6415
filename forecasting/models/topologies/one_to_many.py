"""one_to_many: one vector is unrolled into the horizon; for series with little or no history (cold start).

static covariates, known-future covariates at the origin, last value if any
                 |
               [s_0]--[s_1]--[s_2]--...--[s_H]      inputs k_h: known-future covariates of step h,
                        |      |           |               e_h: a vector that the first one gives to h
                       y_1    y_2         y_H

In training the last value is hidden in half of the windows, so that the network learns to do without it.
"""

import torch
from torch import Tensor, nn

from forecasting.models.decoders.parallel import ParallelDecoder
from forecasting.models.recurrence import at_last_step
from forecasting.models.shape import Context, NetworkShape

_HIDDEN_SHARE = 0.5
_Y, _OBSERVED, _COVARIATES = 0, 2, 3  # places in the inputs of a step, see windows.gather


class OneToMany(nn.Module):
    """B vectors -> (B, H, P)."""

    def __init__(self, shape: NetworkShape, n_inputs: int, n_parameters: int) -> None:
        super().__init__()
        n_vector = n_inputs - _COVARIATES + 2
        self.embed = nn.Linear(n_vector, shape.hidden_size)
        self.decoder = ParallelDecoder(shape.hidden_size, shape, n_parameters)
        self.n_layers = shape.n_layers

    def forward(self, context: Context) -> Tensor:
        """Raw parameters of the horizon; nothing but the last step of each window is read."""
        last_BF = at_last_step(context.steps_BTF, context.length_B.clamp(min=1))
        value_B2 = last_BF[:, [_Y, _OBSERVED]]
        if self.training:
            value_B2 = value_B2 * (torch.rand_like(value_B2[:, :1]) >= _HIDDEN_SHARE)
        vector_BD = torch.relu(self.embed(torch.cat([value_B2, last_BF[:, _COVARIATES:]], dim=1)))
        raw_BHP: Tensor = self.decoder([vector_BD] * self.n_layers, context.future_BJHK)
        return raw_BHP
