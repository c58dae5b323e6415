"""The recurrent cells and the stack that runs them over a window. Axes: B batch, T steps, F inputs, D hidden, E outputs.

rnn   h_t = f(W_x x_t + b_x + W_h h_{t-1} + b_h), f = tanh or relu                      Elman 1990
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
    """torch's fused kernel of a cell, its number of gates, what its state holds beside h, and the rnn's f."""

    layer: type[nn.RNN] | type[nn.LSTM] | type[nn.GRU]
    n_gates: int
    has_memory: bool
    description: str
    options: dict[str, str] = {}  # noqa: RUF012 - of the kernel; never written to

    def make(self, n_inputs: int, hidden_size: int) -> nn.RNNBase:
        """One layer in one direction, its weights drawn as `initialise` says."""
        layer = self.layer(n_inputs, hidden_size, batch_first=True, **self.options)
        initialise(layer, self.n_gates, keeps=self.options.get("nonlinearity") == "relu")
        return layer


CELLS: dict[str, Cell] = {
    "rnn": Cell(nn.RNN, 1, has_memory=False, description="Elman 1990: one tanh layer; forgets what lies far back"),
    "rnn_relu": Cell(
        nn.RNN,
        1,
        has_memory=False,
        description="Le et al. 2015: one relu layer that starts as the identity; remembers longer, can explode",
        options={"nonlinearity": "relu"},
    ),
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
    """Layers of one cell, one kernel call each; dropout between and after them, outside the kernel, so that runs repeat.

    With `residual` each layer but the first adds to what it reads (He et al. 2016; Wu et al. 2016 for recurrent layers).
    With `bidirectional` a second kernel reads each window backwards from its own last step (Schuster & Paliwal 1997) and
    E = 2 D; else E = D.
    """

    def __init__(
        self,
        cell: str,
        n_inputs: int,
        hidden_size: int,
        n_layers: int,
        dropout: float,
        *,
        residual: bool = False,
        bidirectional: bool = False,
    ) -> None:
        super().__init__()
        row = cell_of(cell)
        self.residual, self.hidden_size = residual, hidden_size
        self.n_outputs = hidden_size * (2 if bidirectional else 1)
        widths = [n_inputs] + [self.n_outputs] * (n_layers - 1)
        self.layers = nn.ModuleList(row.make(width, hidden_size) for width in widths)
        self.backward_layers = nn.ModuleList(row.make(width, hidden_size) for width in widths if bidirectional)
        self.dropout = nn.Dropout(dropout)
        self.bptt_length: int | None = None  # steps through which gradients reach back; None: all

    def forward(
        self, inputs_BTF: Tensor, states: list[State] | None = None, length_B: Tensor | None = None
    ) -> list[Tensor]:
        """What every layer gives at every step, each (B, T, E), the top one last; `states` start the layers (else zero).

        `length_B` is read where a second direction starts from the end of each window; null: every window is full.
        """
        outputs: list[Tensor] = []
        below = inputs_BTF
        back = _backwards(inputs_BTF, length_B) if len(self.backward_layers) else None
        for n, layer in enumerate(self.layers):
            state = None if states is None else states[n]
            hidden_BTE = self._run(layer, below, state)
            if back is not None:
                reverse_BTD = self._run(self.backward_layers[n], _along(below, back), state)
                hidden_BTE = torch.cat([hidden_BTE, _along(reverse_BTD, back)], dim=2)
            below = self._above(n, below, hidden_BTE)
            outputs.append(below)
        return outputs

    def last(self, hidden_BTE: Tensor, length_B: Tensor) -> Tensor:
        """What a layer gives once the whole window is read, in each direction; (B, E)."""
        if not len(self.backward_layers):
            return at_last_step(
                hidden_BTE, length_B
            )  # a slice of all would cost a second (B, T, D) of zeros on the way back
        forward_BD = at_last_step(hidden_BTE[..., : self.hidden_size], length_B)
        return torch.cat([forward_BD, hidden_BTE[:, 0, self.hidden_size :]], dim=1)

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

    def step(self, input_BF: Tensor, states: list[State] | None) -> tuple[Tensor, list[State]]:
        """One step further in one direction: what the top layer gives, (B, D), and the states of all layers after it."""
        below, after = input_BF[:, None], []
        for n, layer in enumerate(self.layers):
            hidden_B1D, state = layer(below, None if states is None else states[n])
            below = self._above(n, below, hidden_B1D)
            after.append(state)
        return below[:, 0], after

    def read(self, inputs_BTF: Tensor, length_B: Tensor, states: list[State] | None) -> tuple[Tensor, list[State]]:
        """The whole window in one direction, step by step: `step`'s answer at the last step of each.

        The fused kernel tells an lstm's memory only at the end of the padding; so this is what ancestral sampling starts from.
        """
        top_BD, after = self.step(inputs_BTF[:, 0], states)
        for t in range(1, inputs_BTF.shape[1]):
            inside_B1 = (t < length_B)[:, None]
            newer_BD, newer = self.step(inputs_BTF[:, t], after)
            top_BD = torch.where(inside_B1, newer_BD, top_BD)
            after = [_where(inside_B1, new, old) for new, old in zip(newer, after, strict=True)]
        return top_BD, after

    def _above(self, n: int, below: Tensor, hidden: Tensor) -> Tensor:
        dropped: Tensor = self.dropout(hidden)
        return below + dropped if self.residual and n else dropped


def initialise(layer: nn.Module, n_gates: int, *, keeps: bool = False) -> None:
    """Glorot inputs, an orthogonal matrix per recurrent gate, biases zero but the lstm's forget gate, which starts open at 1.

    Orthogonal: Saxe et al. 2014 (gradients through time keep their length at first); with `keeps` the identity: Le et al.
    2015. Forget gate: Gers et al. 2000, Jozefowicz et al. 2015. torch orders the lstm's gates i, f, g, o.
    """
    for name, weight in layer.named_parameters():
        gates = weight.data.chunk(n_gates)
        for position, gate in enumerate(gates):
            if name.startswith("weight_ih"):
                nn.init.xavier_uniform_(gate)
            elif name.startswith("weight_hh"):
                _ = nn.init.eye_(gate) if keeps else nn.init.orthogonal_(gate)
            else:
                gate.fill_(1.0 if n_gates == 4 and position == 1 and name.startswith("bias_ih") else 0.0)


def at_last_step(hidden_BTD: Tensor, length_B: Tensor) -> Tensor:
    """The hidden state at the last step of each left-aligned window; (B, D)."""
    last = (length_B - 1)[:, None, None].expand(-1, 1, hidden_BTD.shape[2])
    return torch.gather(hidden_BTD, 1, last)[:, 0]


def _backwards(inputs_BTF: Tensor, length_B: Tensor | None) -> Tensor:
    """Position T of each step when the window is read from its last step, padding left where it is; (B, T)."""
    B, T = inputs_BTF.shape[:2]
    step_T = torch.arange(T, device=inputs_BTF.device)
    if length_B is None:
        return step_T.flip(0).expand(B, T)
    mirrored = length_B[:, None] - 1 - step_T
    return torch.where(mirrored >= 0, mirrored, step_T)


def _along(values_BTF: Tensor, position_BT: Tensor) -> Tensor:
    return torch.gather(values_BTF, 1, position_BT[..., None].expand(-1, -1, values_BTF.shape[2]))


def _where(inside_B1: Tensor, new: State, old: State) -> State:
    if isinstance(new, tuple) and isinstance(old, tuple):
        return torch.where(inside_B1, new[0], old[0]), torch.where(inside_B1, new[1], old[1])
    assert isinstance(new, Tensor)
    assert isinstance(old, Tensor)
    return torch.where(inside_B1, new, old)
