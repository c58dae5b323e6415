"""The equation of every cell, written out step by step: what its layers are compared with."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

Array = npt.NDArray[np.float64]


def by_equation(cell: str, layer: nn.Module, inputs_BTF: Tensor) -> Tensor:
    """The hidden states; (B, T, D)."""
    return EQUATIONS[cell](layer, inputs_BTF)


def _torch_cell(step: Callable[[Tensor, Tensor, tuple[Tensor, ...]], tuple[Tensor, ...]]) -> Callable:
    """`step(from_x, from_h, state)` gives the state whose first part is h."""

    def run(layer: nn.Module, inputs_BTF: Tensor) -> Tensor:
        w_x, w_h, b_x, b_h = (getattr(layer, f"{n}_l0") for n in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"))
        zero, states = torch.zeros(len(inputs_BTF), w_h.shape[1]), []
        state = (zero, zero)
        for x in inputs_BTF.unbind(1):
            state = step(x @ w_x.T + b_x, state[0] @ w_h.T + b_h, state)
            states.append(state[0])
        return torch.stack(states, 1)

    return run


def _lstm(from_x: Tensor, from_h: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    i, f, g, o = (from_x + from_h).chunk(4, 1)
    c = torch.sigmoid(f) * state[1] + torch.sigmoid(i) * torch.tanh(g)
    return torch.sigmoid(o) * torch.tanh(c), c


def _gru(from_x: Tensor, from_h: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    (xr, xz, xn), (hr, hz, hn) = from_x.chunk(3, 1), from_h.chunk(3, 1)
    r, z = torch.sigmoid(xr + hr), torch.sigmoid(xz + hz)
    return ((1 - z) * torch.tanh(xn + r * hn) + z * state[0],)


def _slstm(layer: nn.Module, inputs_BTF: Tensor) -> Tensor:
    """Beck et al. 2024, equations 8 to 14, without the stabiliser of 15 to 17; float64 numpy."""
    w_x, blocks, b = (p.detach().double().numpy() for p in (layer.weight_ih, layer.weight_hh, layer.bias))
    x_BTF, D = inputs_BTF.double().numpy(), w_x.shape[0] // 4
    R = [_block_diagonal(blocks[:, g * blocks.shape[2] : (g + 1) * blocks.shape[2]]) for g in range(4)]
    h = c = n = np.zeros((len(x_BTF), D))
    states = []
    for t in range(x_BTF.shape[1]):
        gates = [x_BTF[:, t] @ w_x[g * D : (g + 1) * D].T + h @ R[g].T + b[g * D : (g + 1) * D] for g in range(4)]
        i, o = np.exp(gates[0]), _sigmoid(gates[3])
        f = np.exp(gates[1]) if layer.forget_gate == "exp" else _sigmoid(gates[1])
        c, n = f * c + i * np.tanh(gates[2]), f * n + i
        h = o * c / n
        states.append(h)
    return torch.from_numpy(np.stack(states, 1)).to(inputs_BTF.dtype)


def _block_diagonal(blocks: Array) -> Array:
    size = blocks.shape[1]
    whole = np.zeros((len(blocks) * size, len(blocks) * size))
    for k, block in enumerate(blocks):
        whole[k * size : (k + 1) * size, k * size : (k + 1) * size] = block
    return whole


def _sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


EQUATIONS: dict[str, Callable[[nn.Module, Tensor], Tensor]] = {
    "rnn": _torch_cell(lambda from_x, from_h, _: (torch.tanh(from_x + from_h),)),
    "rnn_relu": _torch_cell(lambda from_x, from_h, _: (torch.relu(from_x + from_h),)),
    "lstm": _torch_cell(_lstm),
    "gru": _torch_cell(_gru),
    "slstm": _slstm,
}
