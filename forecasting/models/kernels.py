"""The cells for which torch has a fused kernel. Axes: B batch, T steps, F inputs, D hidden.

rnn   h_t = f(W_x x_t + b_x + W_h h_{t-1} + b_h), f = tanh or relu                      Elman 1990
lstm  i, f, o = sigmoid(W_x x_t + b_x + W_h h_{t-1} + b_h), g = tanh(the same)          Hochreiter & Schmidhuber 1997,
      c_t = f * c_{t-1} + i * g,  h_t = o * tanh(c_t)                                   forget gate: Gers et al. 2000
gru   r, z = sigmoid(W_x x_t + b_x + W_h h_{t-1} + b_h)                                 Cho et al. 2014, the reset gate
      n = tanh(W_xn x_t + b_xn + r * (W_hn h_{t-1} + b_hn))                             after the matrix as in cuDNN
      h_t = (1 - z) * n + z * h_{t-1}
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from forecasting.models.cell import CellOptions, State


class _Kernel(nn.RNNBase):
    """A CellLayer around torch's own, whose state is one tensor (1, B, D), or a tuple of them: another `forward` for each."""

    n_states = 1

    def forward(self, inputs_BTF: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """All steps in one call of the kernel."""
        packed = None if state is None else tuple(part[None] for part in state)
        with _onednn_where_it_can(inputs_BTF.device):
            hidden_BTD, after = super().forward(inputs_BTF, packed[0] if packed and self.n_states == 1 else packed)
        return hidden_BTD, tuple(part.squeeze(0) for part in (after if isinstance(after, tuple) else (after,)))

    def first_state(self, inputs: Tensor) -> State:
        return (inputs.new_zeros(len(inputs), self.hidden_size),) * self.n_states

    def step(self, input_BF: Tensor, state: State) -> State:
        return _Kernel.forward(self, input_BF[:, None], state)[1]  # not self.forward, which a probe may have replaced


@contextmanager
def _onednn_where_it_can(device: torch.device) -> Iterator[None]:
    """oneDNN refuses an LSTM in bfloat16 on a processor without it (a RuntimeError): torch's own kernels do it there.

    `torch.backends.mkldnn.flags` would set more than this, and warn of it.
    """
    in_bf16 = device.type == "cpu" and torch.is_autocast_enabled("cpu")
    if not in_bf16 or torch.ops.mkldnn._is_mkldnn_bf16_supported():
        yield
        return
    before = torch._C._get_mkldnn_enabled()
    torch._C._set_mkldnn_enabled(False)
    try:
        yield
    finally:
        torch._C._set_mkldnn_enabled(before)


class _RNN(_Kernel, nn.RNN):  # type: ignore[misc]
    pass


class _LSTM(_Kernel, nn.LSTM):  # type: ignore[misc]
    n_states = 2


class _GRU(_Kernel, nn.GRU):  # type: ignore[misc]
    pass


def make_rnn(n_inputs: int, hidden_size: int, _options: CellOptions) -> nn.Module:
    """f = tanh."""
    return _initialised(_RNN(n_inputs, hidden_size, batch_first=True), 1)


def make_rnn_relu(n_inputs: int, hidden_size: int, _options: CellOptions) -> nn.Module:
    """f = relu; the recurrent matrix starts as the identity (Le et al. 2015)."""
    layer = _RNN(n_inputs, hidden_size, batch_first=True, nonlinearity="relu")
    return _initialised(layer, 1, recurrent=nn.init.eye_)


def make_lstm(n_inputs: int, hidden_size: int, _options: CellOptions) -> nn.Module:
    """torch orders the gates i, f, g, o; the forget gate starts open (Gers et al. 2000, Jozefowicz et al. 2015)."""
    return _initialised(_LSTM(n_inputs, hidden_size, batch_first=True), 4, open_gate=1)


def make_gru(n_inputs: int, hidden_size: int, _options: CellOptions) -> nn.Module:
    """torch orders the gates r, z, n."""
    return _initialised(_GRU(n_inputs, hidden_size, batch_first=True), 3)


def lstm_started(given: State) -> State:
    """h and the memory c."""
    hidden, memory = given
    return torch.tanh(hidden), memory


def _initialised(
    layer: nn.Module,
    n_gates: int,
    *,
    recurrent: Callable[[Tensor], Tensor] = nn.init.orthogonal_,
    open_gate: int | None = None,
) -> nn.Module:
    """Glorot inputs, an orthogonal matrix per recurrent gate, biases zero but that of an open gate, which is 1.

    Orthogonal: Saxe et al. 2014, gradients through time keep their length at first.
    """
    for name, weight in layer.named_parameters():
        for position, gate in enumerate(weight.data.chunk(n_gates)):
            if name.startswith("weight_ih"):
                nn.init.xavier_uniform_(gate)
            elif name.startswith("weight_hh"):
                recurrent(gate)
            else:
                gate.fill_(1.0 if position == open_gate and name.startswith("bias_ih") else 0.0)
    return layer
