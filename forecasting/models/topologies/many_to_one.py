"""many_to_one: the window is read into one state, which gives the whole horizon at once or the next step alone.

direct                                              recursive
x_1   x_2   ...  x_T                                x_1   ...  x_T      x'_{T+1}: made of the drawn y_{T+1}
 |     |          |                                  |          |        |
[h_1]-[h_2]-...-[h_T] --> y_{T+1} .. y_{T+H}        [h_1]-..-[h_T] ---[h_{T+1}] --- ...
                                                                | draws  |
                                                              y_{T+1}   y_{T+2}
"""

from torch import Tensor, nn

from forecasting.models.cell import State
from forecasting.models.decoders.direct import DirectDecoder
from forecasting.models.encodings import make_encoding
from forecasting.models.recurrence import make_recurrence
from forecasting.models.shape import Context, NetworkShape


class ManyToOne(nn.Module):
    """B windows of T steps -> (B, H, P)."""

    def __init__(self, shape: NetworkShape, n_inputs: int, n_parameters: int) -> None:
        super().__init__()
        self.encoding = make_encoding(shape.segment_length, n_inputs, shape.hidden_size)
        self.encoder = make_recurrence(shape, self.encoding.n_outputs, bidirectional=shape.bidirectional)
        self.decoder = DirectDecoder(self.encoder.n_outputs, shape.horizon, shape.n_future, n_parameters)

    def forward(self, context: Context) -> Tensor:
        """Raw parameters of the horizon after the last step of each window."""
        read_BNE, length_B = self.encoding(context.steps_BTF, context.length_B)
        top_BNE = self.encoder(read_BNE, context.states, length_B)[-1]
        raw_BHP: Tensor = self.decoder(self.encoder.last(top_BNE, length_B), context.future_BJHK)
        return raw_BHP

    def begin(self, context: Context) -> tuple[Tensor, list[State]]:
        """Raw parameters of the next step, (B, 1, P), and the states to go on from."""
        top_BD, states = self.encoder.read(context.steps_BTF, context.length_B, context.states)
        return self.decoder(top_BD, context.future_BJHK), states

    def advance(self, step_BF: Tensor, future_B1K: Tensor, states: list[State]) -> tuple[Tensor, list[State]]:
        """The same one step later, after a step that was drawn."""
        top_BD, states = self.encoder.step(step_BF, states)
        return self.decoder(top_BD, future_B1K), states
