"""What a network is trained on, as the loop sees it: it draws a batch, and the loss of that batch is a scalar."""

from typing import Protocol

import torch
from torch import Tensor


class Batches(Protocol):
    """`generator` is the only source of what is drawn, so its state is the position in the stream of batches.

    `batch_size` may be lowered between two draws. `why_eager` says why the loss cannot be captured in a CUDA graph
    (it waits for the device, or Python decides anew at each step), None: it can.
    """

    batch_size: int
    why_eager: str | None

    @property
    def generator(self) -> torch.Generator:
        """On the CPU, so that every device trains on the same batches."""
        ...

    def draw(self) -> tuple[Tensor, ...]:
        """The next batch, on the training device; the same shapes each time."""
        ...

    def loss(self, batch: tuple[Tensor, ...]) -> Tensor:
        """Mean loss of a drawn batch under the network as it is."""
        ...
