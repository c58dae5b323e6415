"""many_to_many: as many outputs as inputs, each step forecasts from its own prefix (forking sequences).

x_1   x_2   ...  x_T          Wen et al. 2017: one pass trains on T origins;
 |     |          |           a forecast is the output of the last step,
[h_1]-[h_2]-...-[h_T]         or (recursive) the next step is drawn, read,
 |     |          |           and the state goes on.
y_2..  y_3..     y_{T+1} .. y_{T+H}
"""

from torch import Tensor, nn

from forecasting.models.cell import State
from forecasting.models.decoders.direct import DirectDecoder
from forecasting.models.recurrence import at_last_step, make_recurrence
from forecasting.models.shape import Context, NetworkShape


class ManyToMany(nn.Module):
    """B windows of T steps -> (B, T, H, P), or (B, H, P) where only the last step is asked for."""

    def __init__(self, shape: NetworkShape, n_inputs: int, n_parameters: int) -> None:
        super().__init__()
        self.encoder = make_recurrence(shape, n_inputs)
        self.decoder = DirectDecoder(shape.hidden_size, shape.horizon, shape.n_future, n_parameters)

    def forward(self, context: Context) -> Tensor:
        """Raw parameters after every step for future (B, T, H, K), after the last one for future (B, H, K)."""
        hidden_BTD, future = self.encoder(context.steps_BTF, context.states)[-1], context.future_BJHK
        raw: Tensor = self.decoder(
            hidden_BTD if future.dim() == 4 else at_last_step(hidden_BTD, context.length_B), future
        )
        return raw

    def begin(self, context: Context) -> tuple[Tensor, list[State]]:
        """Raw parameters of the next step, (B, 1, P), and the states to go on from."""
        top_BD, states = self.encoder.read(context.steps_BTF, context.length_B, context.states)
        return self.decoder(top_BD, context.future_BJHK), states

    def advance(self, step_BF: Tensor, future_B1K: Tensor, states: list[State]) -> tuple[Tensor, list[State]]:
        """The same one step later, after a step that was drawn."""
        top_BD, states = self.encoder.step(step_BF, states)
        return self.decoder(top_BD, future_B1K), states
