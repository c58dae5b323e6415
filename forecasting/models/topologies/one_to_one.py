"""one_to_one: the last step gives the next one and nothing else is remembered: the contrast that shows what memory buys.

x_1   x_2   ...  x_T          trained on every step in one pass, as many_to_many is;
 |     |          |           forecasts draw the next step and go on from there
[ ]   [ ]   ...  [ ]
 |     |          |
y_2   y_3        y_{T+1}
"""

from torch import Tensor, nn

from forecasting.models.cell import State
from forecasting.models.decoders.direct import DirectDecoder
from forecasting.models.feed_forward import FeedForward
from forecasting.models.recurrence import at_last_step
from forecasting.models.shape import Context, NetworkShape


class OneToOne(nn.Module):
    """B windows of T steps -> (B, T, 1, P), or (B, 1, P) where only the last step is asked for."""

    def __init__(self, shape: NetworkShape, n_inputs: int, n_parameters: int) -> None:
        super().__init__()
        D = shape.hidden_size
        self.layers = FeedForward(n_inputs, D, shape.n_layers, shape.dropout, residual=shape.residual_layers)
        self.decoder = DirectDecoder(D, shape.horizon, shape.n_future, n_parameters)

    def forward(self, context: Context) -> Tensor:
        """Raw parameters after every step for future (B, T, 1, K), after the last one for future (B, 1, K)."""
        steps, future = context.steps_BTF, context.future_BJHK
        raw: Tensor = self.decoder(
            self.layers(steps if future.dim() == 4 else at_last_step(steps, context.length_B)), future
        )
        return raw

    def begin(self, context: Context) -> tuple[Tensor, list[State]]:
        """Raw parameters of the next step, (B, 1, P); there are no states."""
        return self.forward(context), []

    def advance(self, step_BF: Tensor, future_B1K: Tensor, states: list[State]) -> tuple[Tensor, list[State]]:
        """The same one step later, after a step that was drawn."""
        return self.decoder(self.layers(step_BF), future_B1K), states
