"""Static covariates as one vector, and as the first state of recurrent layers. Axes: B, A numeric, C categories, S, D."""

import torch
from torch import Tensor, nn

from forecasting.models.cells import State, cell_of
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
    """From a vector per layer, (B, S), to the state that each layer starts from: linear, with tanh where it is h."""

    def __init__(self, n_inputs: int, shape: NetworkShape) -> None:
        super().__init__()
        D, layers = shape.hidden_size, shape.n_layers
        self.hidden = nn.ModuleList(nn.Linear(n_inputs, D) for _ in range(layers))
        has_memory = cell_of(shape.cell).has_memory
        self.memory = nn.ModuleList(nn.Linear(n_inputs, D) for _ in range(layers if has_memory else 0))

    def forward(self, vectors: list[Tensor]) -> list[State]:
        """One state per layer, each (1, B, D)."""
        hidden = [torch.tanh(linear(v))[None] for linear, v in zip(self.hidden, vectors, strict=True)]
        if not len(self.memory):
            return [*hidden]
        memory = [linear(v)[None] for linear, v in zip(self.memory, vectors, strict=True)]
        return list(zip(hidden, memory, strict=True))
