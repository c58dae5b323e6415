"""Gradient through time: how strongly the loss at the end of a window still moves the hidden state k steps before it.

Comes in: a network's recurrent layers and the loss of a fixed batch of windows, each judged by its last origin alone.
Goes out: the profile |dL/dh_t| over the lag from each window's last step, mean over the batch, relative to its largest
value; from it the effective memory. Vanishing and exploding profiles: Bengio et al. 1994, Pascanu et al. 2013.

A fused kernel hides its states, so for the probe alone each layer runs step by step, whatever its cell. Axes: B windows,
T steps, D hidden.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, cast

import torch
from torch import Tensor, nn

from forecasting.models.cell import CellLayer, State, by_steps

SMALLEST_SHARE = 0.01  # of the profile's largest value: what lies below is taken as forgotten


class Probe:
    """`loss()` judges one fixed batch; `layers` are the recurrent layers that read the context, forward in time.

    `stride` is how many steps of the series one recurrent step reads. Nothing of the network or its random state is changed.
    """

    def __init__(
        self, network: nn.Module, layers: Sequence[CellLayer], loss: Callable[[], Tensor], stride: int = 1
    ) -> None:
        self.network, self.layers, self.loss, self.stride = network, layers, loss, stride

    def row(self, step: int) -> dict[str, Any]:
        """{step, effective_memory, stride, profile} of the network as it is."""
        profile = self.profile()
        return {
            "step": step,
            "effective_memory": effective_memory(profile) * self.stride,
            "stride": self.stride,
            "profile": profile,
        }

    def profile(self) -> list[float]:
        """Relative |dL/dh_t| at lags 0, 1, ... recurrent steps; empty where no state has a finite gradient."""
        was_training = self.network.training
        device = next(self.network.parameters()).device
        self.network.eval()
        for module in _modules(self.layers):
            module.train()  # cuDNN has no backward pass in evaluation; dropout lies outside the layers
        random = [device] if device.type == "cuda" else []
        with torch.random.fork_rng(random), torch.enable_grad(), stepwise(self.layers) as states:
            loss = self.loss()
            flat = [h_BD for layer in states for h_BD in layer]
            gradients = torch.autograd.grad(loss, flat, allow_unused=True) if flat else ()
        self.network.train(was_training)
        if not gradients:
            return []
        moved = [torch.zeros_like(h) if g is None else g for g, h in zip(gradients, flat, strict=True)]
        per_layer = torch.stack(moved).reshape(len(self.layers), -1, *moved[0].shape)  # (layers, T, B, D)
        return _by_lag(per_layer.double().square().sum((0, 3)).sqrt())


def effective_memory(profile: Sequence[float]) -> int:
    """Recurrent steps back to the oldest state that still gets SMALLEST_SHARE of the largest gradient, that one counted."""
    return 1 + max((lag for lag, share in enumerate(profile) if share >= SMALLEST_SHARE), default=-1)


def _by_lag(norm_TB: Tensor) -> list[float]:
    """Mean over windows by the lag from the newest state that the loss reads (after it lies padding), largest value 1."""
    T = len(norm_TB)
    read = norm_TB > 0
    counted = read.any(0) & norm_TB.isfinite().all(0)
    newest = T - 1 - read.flip(0).int().argmax(0)
    place_TB = newest - torch.arange(T, device=norm_TB.device)[:, None]  # of lag 0, 1, ..., T - 1
    there = (place_TB >= 0) & counted
    values = torch.where(there, norm_TB.gather(0, place_TB.clamp(min=0)), 0.0)
    mean = (values.sum(1) / there.sum(1).clamp(min=1))[there.any(1)]
    return (mean / mean.max()).tolist() if len(mean) else []


@contextmanager
def stepwise(layers: Sequence[CellLayer]) -> Iterator[list[list[Tensor]]]:
    """Inside, each of the layers (one direction) runs step by step and leaves its hidden states, each (B, D)."""
    states: list[list[Tensor]] = [[] for _ in layers]
    modules = _modules(layers)
    for layer, module, seen in zip(layers, modules, states, strict=True):
        module.forward = partial(_steps, layer, seen)  # hides the method of the class
    try:
        yield states
    finally:
        for module in modules:
            del module.forward


def _steps(
    layer: CellLayer, seen: list[Tensor], inputs_BTF: Tensor, state: State | None = None
) -> tuple[Tensor, State]:
    """What the layer's forward gives."""

    def step(input_BF: Tensor, before: State) -> State:
        after = layer.step(input_BF, before)
        seen.append(after[0])
        return after

    return by_steps(step, inputs_BTF, layer.first_state(inputs_BTF) if state is None else state)


def _modules(layers: Sequence[CellLayer]) -> list[nn.Module]:
    return cast(list[nn.Module], list(layers))
