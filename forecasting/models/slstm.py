"""The sLSTM: an lstm whose input gate is exponential, with a normaliser beside its memory (xLSTM, Beck et al. 2024).

i~, f~, z~, o~ = W x_t + R h_{t-1} + b                         R block-diagonal: a unit hears those of its own block
i = exp(i~),  f = sigmoid(f~) or exp(f~),  z = tanh(z~),  o = sigmoid(o~)
c_t = f c_{t-1} + i z,  n_t = f n_{t-1} + i,  h_t = o c_t / n_t

h does not change where c, n and i are divided by one number; so they are kept divided by exp(m_t), where
m_t = max(log f + m_{t-1}, i~), and no exponential is above 1 nor n below 1. As h does not depend on m, no gradient goes
through it. arXiv 2405.04517, equations 8 to 17. Axes: B, T, F inputs, D hidden, N blocks, G = 4 D gates in the order above.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from forecasting.models.cell import CellOptions, State, by_steps

_NOTHING_WRITTEN = -1e30  # log of the size of an empty memory, so that the first write is the largest yet; finite


class SLSTM(nn.Module):
    """A CellLayer; its state is h, c, n, m."""

    def __init__(self, n_inputs: int, hidden_size: int, options: CellOptions) -> None:
        super().__init__()
        D, N = hidden_size, options.recurrent_blocks
        self.hidden_size, self.n_blocks, self.forget_gate = D, N, options.forget_gate
        self.weight_ih = nn.Parameter(torch.empty(4 * D, n_inputs))
        self.weight_hh = nn.Parameter(torch.empty(N, 4 * (D // N), D // N))
        self.bias = nn.Parameter(torch.zeros(4 * D))
        self._draw_weights()

    def forward(self, inputs_BTF: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """h of every step, (B, T, D), and the state after the last one; what the inputs give is one product for all steps."""
        state = self.first_state(inputs_BTF) if state is None else state
        return by_steps(self._after, functional.linear(inputs_BTF, self.weight_ih, self.bias), state)

    def first_state(self, inputs: Tensor) -> State:
        """An empty memory."""
        zero = self.bias.new_zeros(len(inputs), self.hidden_size)
        return zero, zero, zero, torch.full_like(zero, _NOTHING_WRITTEN)

    def step(self, input_BF: Tensor, state: State) -> State:
        """The state one step later."""
        return self._after(functional.linear(input_BF, self.weight_ih, self.bias), state)

    def _after(self, from_input_BG: Tensor, state: State) -> State:
        h, c, n, m = state
        gates_BG = (from_input_BG + self._from_hidden(h)).to(c.dtype)
        i, f, z, o = gates_BG.chunk(4, dim=1)
        log_keep = (functional.logsigmoid(f) if self.forget_gate == "sigmoid" else f) + m
        largest = torch.maximum(log_keep, i).detach()
        keep, write = torch.exp(log_keep - largest), torch.exp(i - largest)
        c, n = keep * c + write * torch.tanh(z), keep * n + write
        return torch.sigmoid(o) * c / n, c, n, largest

    def _from_hidden(self, hidden_BD: Tensor) -> Tensor:
        """R h, (B, G)."""
        B, N = len(hidden_BD), self.n_blocks
        gates_NBG = torch.bmm(hidden_BD.reshape(B, N, -1).transpose(0, 1), self.weight_hh.transpose(1, 2))
        return gates_NBG.reshape(N, B, 4, -1).permute(1, 2, 0, 3).reshape(B, -1)

    def _draw_weights(self) -> None:
        """As the other cells: Glorot inputs, an orthogonal matrix per gate and block; a forget gate that starts open.

        exp(0) keeps all, which is a running mean; of a sigmoid the bias is 1, as the lstm's.
        """
        for gate in self.weight_ih.data.chunk(4):
            nn.init.xavier_uniform_(gate)
        for block in self.weight_hh.data:
            for gate in block.chunk(4):
                nn.init.orthogonal_(gate)
        if self.forget_gate == "sigmoid":
            self.bias.data.chunk(4)[1].fill_(1.0)


def slstm_started(given: State) -> State:
    """h and the memory c, as if written by one step of size 1."""
    hidden, memory = given
    return torch.tanh(hidden), memory, torch.ones_like(memory), torch.zeros_like(memory)
