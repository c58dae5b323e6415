"""Small problems whose answer is known, as batches for the loop."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from forecasting.models.recurrence import Recurrence
from forecasting.training.settings import TrainingSettings

SETTINGS = TrainingSettings(
    max_steps=200, batch_size=1, learning_rate=0.05, weight_decay=0.0, schedule="constant", valid_every=10
)


class Line(nn.Linear):
    """y = 3 x + 1 from random points with a little noise; its own batches."""

    why_eager: str | None = None

    def __init__(self, batch_size: int = 32, change: Callable[[Tensor], Tensor] = lambda loss: loss) -> None:
        super().__init__(1, 1)
        nn.init.zeros_(self.weight)
        nn.init.zeros_(self.bias)
        self.batch_size, self.change = batch_size, change
        self.generator = torch.Generator().manual_seed(0)

    def draw(self) -> tuple[Tensor, ...]:
        x = 2 * torch.rand(self.batch_size, 1, generator=self.generator) - 1
        return x, 3 * x + 1 + 0.01 * torch.randn(self.batch_size, 1, generator=self.generator)

    def loss(self, batch: tuple[Tensor, ...]) -> Tensor:
        x, y = batch
        return self.change((self(x) - y).square().mean())


class Adding(nn.Module):
    """The adding problem, Hochreiter & Schmidhuber 1997: add the two marked numbers of a sequence.

    One number in each half is marked; numbers are uniform on [0, 1], so that always answering 1 has an MSE of 1/6.
    """

    why_eager: str | None = None

    def __init__(self, encoder: nn.Module, hidden_size: int, length: int, batch_size: int, seed: int) -> None:
        super().__init__()
        self.encoder, self.out = encoder, nn.Linear(hidden_size, 1)
        self.length, self.batch_size = length, batch_size
        self.generator = torch.Generator().manual_seed(seed)

    def draw(self) -> tuple[Tensor, ...]:
        return self.sequences(self.batch_size, self.generator)

    def loss(self, batch: tuple[Tensor, ...]) -> Tensor:
        inputs_BTF, sum_B = batch
        hidden = self.encoder(inputs_BTF)
        last_BD = (hidden[-1] if isinstance(self.encoder, Recurrence) else hidden[0])[:, -1]
        return (self.out(last_BD)[:, 0] - sum_B).square().mean()

    def sequences(self, n: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        numbers_BT, marks_BT = torch.rand(n, self.length, generator=generator), torch.zeros(n, self.length)
        half = self.length // 2
        for first, end in ((0, half), (half, self.length)):
            marked = torch.randint(first, end, (n, 1), generator=generator)
            marks_BT.scatter_(1, marked, 1.0)
        return torch.stack([numbers_BT, marks_BT], dim=-1), (numbers_BT * marks_BT).sum(1)

    def unseen_error(self, n: int = 1000) -> float:
        with torch.no_grad():
            return self.loss(self.sequences(n, torch.Generator().manual_seed(99))).item()


def adding(cell: str, hidden_size: int = 48, length: int = 100, batch_size: int = 64, seed: int = 1) -> Adding:
    """The adding problem for one of the project's cells."""
    torch.manual_seed(seed)
    return Adding(Recurrence(cell, 2, hidden_size, 1, 0.0), hidden_size, length, batch_size, seed)
