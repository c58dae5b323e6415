"""The stack of recurrent layers that reads a window. Axes: B batch, T steps, F inputs, D hidden, E outputs.

The weights are shared by all steps, so their number does not depend on T.
"""

from typing import cast

import torch
from torch import Tensor, nn

from forecasting.models.cell import USUAL_OPTIONS, CellLayer, CellOptions, State
from forecasting.models.cells import cell_of
from forecasting.models.shape import NetworkShape


class Recurrence(nn.Module):
    """Layers of one cell; dropout between and after them, outside a fused kernel, so that runs repeat.

    With `residual` each layer but the first adds to what it reads (He et al. 2016; Wu et al. 2016 for recurrent layers).
    With `bidirectional` a second layer reads each window backwards from its own last step (Schuster & Paliwal 1997) and
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
        options: CellOptions = USUAL_OPTIONS,
        residual: bool = False,
        bidirectional: bool = False,
    ) -> None:
        super().__init__()
        make = cell_of(cell).make
        self.residual, self.hidden_size = residual, hidden_size
        self.n_outputs = hidden_size * (2 if bidirectional else 1)
        widths = [n_inputs] + [self.n_outputs] * (n_layers - 1)
        self.layers = nn.ModuleList(make(width, hidden_size, options) for width in widths)
        self.backward_layers = nn.ModuleList(make(width, hidden_size, options) for width in widths if bidirectional)
        self.dropout = nn.Dropout(dropout)
        self.bptt_length: int | None = None  # steps through which gradients reach back; None: all

    @property
    def forward_layers(self) -> list[CellLayer]:
        """Those that read forward in time, the lowest first."""
        return cast(list[CellLayer], list(self.layers))

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
            state = tuple(part.detach() for part in after)
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

        A fused kernel tells the whole state only at the end of the padding; so this is what ancestral sampling starts from.
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


def make_recurrence(shape: NetworkShape, n_inputs: int, *, bidirectional: bool = False) -> Recurrence:
    """The layers of a network of this shape."""
    return Recurrence(
        shape.cell,
        n_inputs,
        shape.hidden_size,
        shape.n_layers,
        shape.dropout,
        options=shape.cell_options,
        residual=shape.residual_layers,
        bidirectional=bidirectional,
    )


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
    return tuple(torch.where(inside_B1, after, before) for after, before in zip(new, old, strict=True))
