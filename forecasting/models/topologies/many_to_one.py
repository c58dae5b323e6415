"""many_to_one: the window is read into one state, the state gives the whole horizon at once.

x_1   x_2   ...  x_T
 |     |          |
[h_1]-[h_2]-...-[h_T] --> y_{T+1} .. y_{T+H}
"""

from torch import Tensor, nn

from forecasting.models.cells import Recurrence, at_last_step
from forecasting.models.horizon import DirectDecoder
from forecasting.models.shape import NetworkShape

EVERY_STEP = False


class ManyToOne(nn.Module):
    """B windows of T steps -> (B, H, P)."""

    def __init__(self, shape: NetworkShape, n_inputs: int, n_parameters: int) -> None:
        super().__init__()
        self.encoder = Recurrence(shape.cell, n_inputs, shape.hidden_size, shape.n_layers, shape.dropout)
        self.decoder = DirectDecoder(shape.hidden_size, shape.horizon, shape.n_future, n_parameters)

    def forward(self, inputs_BTF: Tensor, length_B: Tensor, future_BHK: Tensor) -> Tensor:
        """Raw parameters of the horizon after the last step of each window."""
        hidden_BD = at_last_step(self.encoder(inputs_BTF)[-1], length_B)
        raw_BHP: Tensor = self.decoder(hidden_BD, future_BHK)
        return raw_BHP
