"""Averages of the weights along a fit: where one is asked for, it is what is evaluated and kept, training goes on beside it.

ema  moving average with the given decay, shorter in the first steps         Polyak & Juditsky 1992, Tarvainen & Valpola 2017
swa  equal average over the last quarter of the budget                       Izmailov et al. 2018
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from forecasting.training.settings import TrainingSettings

SWA_START = 0.75  # share of the budget after which swa begins


class Average:
    """The average of a network's weights; `n` counts the steps in it, 0: there is none yet."""

    def __init__(self, network: nn.Module, settings: TrainingSettings) -> None:
        assert settings.max_steps is not None
        self.kind, self.decay, self.n = settings.averaging, settings.average_decay, 0
        self._from = int(settings.max_steps * SWA_START) if self.kind == "swa" else 0
        self._weights = [p.detach() for p in network.parameters()]
        self.tensors = [] if self.kind == "none" else [w.clone() for w in self._weights]

    @torch.no_grad()
    def add(self, step: int) -> None:
        """Take the weights in as they stand after `step`."""
        if self.kind == "none" or step <= self._from:
            return
        self.n += 1
        # the first weights count in full; a moving average then forgets the start at its own rate at most
        share = 1 / self.n if self.kind == "swa" else max(1 - self.decay, 9 / (9 + self.n))
        if self.n == 1:
            share = 1.0
        torch._foreach_lerp_(self.tensors, self._weights, share)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """The network with its averaged weights in place of the trained ones; as it was afterwards."""
        if not self.n:
            yield
            return
        trained = [w.clone() for w in self._weights]
        torch._foreach_copy_(self._weights, self.tensors)
        try:
            yield
        finally:
            torch._foreach_copy_(self._weights, trained)

    def keep(self) -> None:
        """The averaged weights become the network's own, where there are any."""
        if self.n:
            torch._foreach_copy_(self._weights, self.tensors)

    def named(self) -> dict[str, Tensor]:
        """The average by position, for a checkpoint."""
        return {str(i): tensor for i, tensor in enumerate(self.tensors)}

    def load(self, tensors: dict[str, Tensor], n: int) -> None:
        """Back to a saved average."""
        self.n = n
        for i, tensor in enumerate(self.tensors):
            tensor.copy_(tensors[str(i)])
