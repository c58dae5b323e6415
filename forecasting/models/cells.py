"""The recurrent cells and the stack that runs them over a window. Axes: B batch, T steps, F inputs, D hidden.

rnn   h_t = tanh(W_x x_t + b_x + W_h h_{t-1} + b_h)                                     Elman 1990
lstm  i, f, o = sigmoid(W_x x_t + b_x + W_h h_{t-1} + b_h), g = tanh(the same)          Hochreiter & Schmidhuber 1997,
      c_t = f * c_{t-1} + i * g,  h_t = o * tanh(c_t)                                   forget gate: Gers et al. 2000
gru   r, z = sigmoid(W_x x_t + b_x + W_h h_{t-1} + b_h)                                 Cho et al. 2014, the reset gate
      n = tanh(W_xn x_t + b_xn + r * (W_hn h_{t-1} + b_hn))                             after the matrix as in cuDNN
      h_t = (1 - z) * n + z * h_{t-1}
The weights are shared by all steps, so their number does not depend on T.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from forecasting.errors import unknown

State = Tensor | tuple[Tensor, Tensor]  # of one layer: (1, B, D), for the lstm with its memory beside it


class Cell(NamedTuple):
    """torch's fused kernel of a cell, its number of gates, and what its state holds beside h."""

    layer: type[nn.RNN] | type[nn.LSTM] | type[nn.GRU]
    n_gates: int
    has_memory: bool
    description: str


CELLS: dict[str, Cell] = {
    "rnn": Cell(nn.RNN, 1, has_memory=False, description="Elman 1990: one tanh layer; forgets what lies far back"),
    "lstm": Cell(
        nn.LSTM, 4, has_memory=True, description="Hochreiter & Schmidhuber 1997: gates around a memory that lasts"
    ),
    "gru": Cell(nn.GRU, 3, has_memory=False, description="Cho et al. 2014: two gates, fewer weights than the lstm"),
}


def cell_of(name: str) -> Cell:
    """The row of CELLS; InputError for an unknown name."""
    if name not in CELLS:
        raise unknown("cell", name, list(CELLS), "cell of the forecaster")
    return CELLS[name]


class Recurrence(nn.Module):
    """Layers of one cell, one kernel call each; dropout between and after them, outside the kernel, so that runs repeat."""

    def __init__(self, cell: str, n_inputs: int, hidden_size: int, n_layers: int, dropout: float) -> None:
        super().__init__()
        row = cell_of(cell)
        self.layers = nn.ModuleList(
            row.layer(n_inputs if layer == 0 else hidden_size, hidden_size, batch_first=True)
            for layer in range(n_layers)
        )
        self.dropout = nn.Dropout(dropout)
        self.bptt_length: int | None = None  # steps through which gradients reach back; None: all
        for module in self.layers:
            initialise(module, row.n_gates)

    def forward(self, inputs_BTF: Tensor, states: list[State] | None = None) -> list[Tensor]:
        """Hidden states of every layer, each (B, T, D), the top one last; `states` start the layers (else zero)."""
        outputs: list[Tensor] = []
        below = inputs_BTF
        for n, layer in enumerate(self.layers):
            below = self.dropout(self._run(layer, below, None if states is None else states[n]))
            outputs.append(below)
        return outputs

    def _run(self, layer: nn.Module, inputs_BTF: Tensor, state: State | None) -> Tensor:
        """One layer over all steps; while gradients are wanted in chunks of `bptt_length`, counted from the newest step.

        The state is carried from chunk to chunk, gradients are not: truncated back-propagation through time (Williams &
        Peng 1990). What comes out is the same, only how far back a gradient reaches is bounded.
        """
        T, length = inputs_BTF.shape[1], self.bptt_length
        if length is None or length >= T or not torch.is_grad_enabled():
            whole: Tensor = layer(inputs_BTF, state)[0]
            return whole
        chunks = []
        oldest = T % length or length
        for chunk_BSF in torch.split(inputs_BTF, [oldest] + [length] * ((T - oldest) // length), dim=1):
            hidden_BSD, after = layer(chunk_BSF, state)
            state = (after[0].detach(), after[1].detach()) if isinstance(after, tuple) else after.detach()
            chunks.append(hidden_BSD)
        return torch.cat(chunks, dim=1)


def initialise(layer: nn.Module, n_gates: int) -> None:
    """Glorot inputs, an orthogonal matrix per recurrent gate, biases zero but the lstm's forget gate, which starts open at 1.

    Orthogonal: Saxe et al. 2014, Le et al. 2015 (gradients through time keep their length at first). Forget gate:
    Gers et al. 2000, Jozefowicz et al. 2015. torch orders the lstm's gates i, f, g, o.
    """
    for name, weight in layer.named_parameters():
        gates = weight.data.chunk(n_gates)
        for position, gate in enumerate(gates):
            if name.startswith("weight_ih"):
                nn.init.xavier_uniform_(gate)
            elif name.startswith("weight_hh"):
                nn.init.orthogonal_(gate)
            else:
                gate.fill_(1.0 if n_gates == 4 and position == 1 and name.startswith("bias_ih") else 0.0)


def at_last_step(hidden_BTD: Tensor, length_B: Tensor) -> Tensor:
    """The hidden state at the last step of each left-aligned window; (B, D)."""
    last = (length_B - 1)[:, None, None].expand(-1, 1, hidden_BTD.shape[2])
    return torch.gather(hidden_BTD, 1, last)[:, 0]
