"""encoder_decoder: T steps in, H steps out; the decoder has weights of its own and reads what is known of each step.

parallel                                            autoregressive
x_1   x_2  ...  x_T        k_h: known-future        x_1  ...  x_T         the value before each step: true in
 |     |         |              covariates           |         |          training, drawn in forecasting
[h_1]-[h_2]-..-[h_T]                                [h_1]-..-[h_T]
                 ||bridge                                      ||   y_1   ...  y_{H-1}, k_h
               [s_1]--[s_2]--...--[s_H]                      [s_1]--[s_2]-...-[s_H]
                 |      |           |                          |      |         |
                y_1    y_2         y_H                        y_1    y_2       y_H

Cho et al. 2014, Sutskever et al. 2014. The bridge maps each layer's last hidden state to the first state of the
decoder's (`static.FirstStates`): linear with tanh for h, one more linear map for what else the cell learns to start from.
"""

from collections.abc import Callable

from torch import Tensor, nn

from forecasting.models.cell import State
from forecasting.models.decoders.autoregressive import AutoregressiveDecoder
from forecasting.models.decoders.parallel import ParallelDecoder
from forecasting.models.encodings import make_encoding
from forecasting.models.recurrence import make_recurrence
from forecasting.models.shape import Context, NetworkShape


class EncoderDecoder(nn.Module):
    """B windows of T steps -> (B, H, P)."""

    def __init__(self, shape: NetworkShape, n_inputs: int, n_parameters: int) -> None:
        super().__init__()
        self.encoding = make_encoding(shape.segment_length, n_inputs, shape.hidden_size)
        self.encoder = make_recurrence(shape, self.encoding.n_outputs, bidirectional=shape.bidirectional)
        kind = AutoregressiveDecoder if shape.decoder == "autoregressive" else ParallelDecoder
        self.decoder = kind(self.encoder.n_outputs, shape, n_parameters)

    def forward(self, context: Context) -> Tensor:
        """Raw parameters of the horizon after the last step of each window; the parallel decoder alone."""
        raw_BHP: Tensor = self.decoder(self._read(context), context.future_BJHK)
        return raw_BHP

    def taught(self, context: Context, truth_BH2: Tensor, draw: Callable[[Tensor], Tensor]) -> Tensor:
        """Raw parameters given the true values before each step; the autoregressive decoder alone."""
        raw_BHP: Tensor = self.decoder(self._read(context), context.future_BJHK, truth_BH2, draw)
        return raw_BHP

    def begin(self, context: Context) -> tuple[Tensor, list[State]]:
        """Raw parameters of the first step, (B, 1, P), and the decoder's states after it."""
        assert isinstance(self.decoder, AutoregressiveDecoder)
        return self.decoder.begin(self._read(context), context.future_BJHK[:, :1])

    def advance(self, value_B1: Tensor, future_B1K: Tensor, states: list[State]) -> tuple[Tensor, list[State]]:
        """The same one step later, after a value that was drawn."""
        assert isinstance(self.decoder, AutoregressiveDecoder)
        return self.decoder.advance(value_B1, future_B1K, states)

    def _read(self, context: Context) -> list[Tensor]:
        """What each layer gives once the window is read, each (B, E)."""
        read_BNE, length_B = self.encoding(context.steps_BTF, context.length_B)
        return [self.encoder.last(hidden, length_B) for hidden in self.encoder(read_BNE, context.states, length_B)]
