"""mlp: the whole window as one vector through layers without memory; same inputs and outputs as many_to_one (direct).

[x_1 | x_2 | ... | x_T] --> [layers] --> y_{T+1} .. y_{T+H}

Each step has weights of its own, so their number grows with T, and a shorter window leaves its older places empty.
"""

from torch import Tensor, nn

from forecasting.models.decoders.direct import DirectDecoder
from forecasting.models.encodings import end_aligned
from forecasting.models.feed_forward import FeedForward
from forecasting.models.shape import Context, NetworkShape


class MLP(nn.Module):
    """B windows of T steps -> (B, H, P)."""

    def __init__(self, shape: NetworkShape, n_inputs: int, n_parameters: int) -> None:
        super().__init__()
        self.T, D = shape.context_length, shape.hidden_size
        self.layers = FeedForward(self.T * n_inputs, D, shape.n_layers, shape.dropout, residual=shape.residual_layers)
        self.decoder = DirectDecoder(D, shape.horizon, shape.n_future, n_parameters)

    def forward(self, context: Context) -> Tensor:
        """Raw parameters of the horizon after the last step of each window."""
        window = end_aligned(context.steps_BTF, context.length_B, self.T)
        raw_BHP: Tensor = self.decoder(self.layers(window.flatten(1)), context.future_BJHK)
        return raw_BHP
