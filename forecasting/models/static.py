"""Static covariates as one vector, and as the first state of recurrent layers. Axes: B, A numeric, C categories, S, D."""

import torch
from torch import Tensor, nn

from forecasting.models.cell import State
from forecasting.models.cells import cell_of
from forecasting.models.shape import NetworkShape

_EMBEDDING_SIZE = 8


def embedding_sizes(shape: NetworkShape) -> list[int]:
    """Width of each categorical covariate's embedding."""
    return [min(_EMBEDDING_SIZE, n) for n in shape.categories]


def make_embedding(n: int, size: int) -> nn.Embedding:
    """Code 0, the unknown category, starts as the zero vector between the others."""
    embedding = nn.Embedding(n, size)
    nn.init.normal_(embedding.weight, std=0.5)
    with torch.no_grad():
        embedding.weight[0] = 0.0
    return embedding


class FirstStates(nn.Module):
    """From a vector per layer, (B, S), to the state that each layer starts from, by a linear map per part that is learnt."""

    def __init__(self, n_inputs: int, shape: NetworkShape) -> None:
        super().__init__()
        cell = cell_of(shape.cell)
        self.learned, self.started = cell.learned, cell.started
        for part in self.learned:
            self.add_module(part, nn.ModuleList(nn.Linear(n_inputs, shape.hidden_size) for _ in range(shape.n_layers)))

    def forward(self, vectors: list[Tensor]) -> list[State]:
        """One state per layer."""
        mapped = [
            [self.get_submodule(f"{part}.{n}")(vector) for n, vector in enumerate(vectors)] for part in self.learned
        ]
        return [self.started(given) for given in zip(*mapped, strict=True)]
