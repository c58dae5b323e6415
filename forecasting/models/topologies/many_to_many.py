"""many_to_many: as many outputs as inputs, each step forecasts the horizon from its own prefix (forking sequences).

x_1   x_2   ...  x_T          Wen et al. 2017: one pass trains on T origins;
 |     |          |           a forecast is the output of the last step.
[h_1]-[h_2]-...-[h_T]
 |     |          |
y_2..  y_3..     y_{T+1} .. y_{T+H}
"""

from torch import Tensor, nn

from forecasting.models.cells import Recurrence, at_last_step
from forecasting.models.horizon import DirectDecoder
from forecasting.models.shape import NetworkShape

EVERY_STEP = True


class ManyToMany(nn.Module):
    """B windows of T steps -> (B, T, H, P), or (B, H, P) where only the last step is asked for."""

    def __init__(self, shape: NetworkShape, n_inputs: int, n_parameters: int) -> None:
        super().__init__()
        self.encoder = Recurrence(shape.cell, n_inputs, shape.hidden_size, shape.n_layers, shape.dropout)
        self.decoder = DirectDecoder(shape.hidden_size, shape.horizon, shape.n_future, n_parameters)

    def forward(self, inputs_BTF: Tensor, length_B: Tensor, future: Tensor) -> Tensor:
        """Raw parameters after every step for future (B, T, H, K), after the last one for future (B, H, K)."""
        hidden_BTD = self.encoder(inputs_BTF)[-1]
        raw: Tensor = self.decoder(hidden_BTD if future.dim() == 4 else at_last_step(hidden_BTD, length_B), future)
        return raw
