"""The whole network: static covariates join every step, a topology reads the window, a head makes distributions.

Axes: B batch, T context, F inputs of a step, A numeric and C categorical static covariates, H horizon, K known-future
covariates, P parameters of the head. All numbers are in the scaled units of each window.
"""

import torch
from torch import Tensor, nn

from forecasting.models.distributions import Distribution
from forecasting.models.heads import head_of
from forecasting.models.reversible import ReversibleAffine
from forecasting.models.shape import NetworkShape
from forecasting.models.topologies import topology_of
from forecasting.windows.gather import Inputs

_EMBEDDING_SIZE = 8


class Network(nn.Module):
    """Inputs -> raw (B, H, P); (B, T, H, P) where every step is an origin and the inputs hold all futures."""

    def __init__(self, shape: NetworkShape) -> None:
        super().__init__()
        self.shape = shape
        sizes = [min(_EMBEDDING_SIZE, n) for n in shape.categories]
        self.embeddings = nn.ModuleList(_embedding(n, size) for n, size in zip(shape.categories, sizes, strict=True))
        self.head = head_of(shape.head)
        self.affine = ReversibleAffine() if shape.learned_affine else None
        n_inputs = shape.n_inputs + shape.n_static + sum(sizes)
        self.topology = topology_of(shape.topology).module(
            shape, n_inputs, self.head.n_parameters(shape.quantile_levels)
        )

    def forward(self, inputs: Inputs) -> Tensor:
        """Raw parameters of every step, which `distribution` reads."""
        raw: Tensor = self.topology(self._joined(inputs), inputs.length_B, inputs.future_BJHK)
        return raw

    def distribution(self, raw: Tensor, spread: Tensor) -> Distribution:
        """Of every step (..., H), in scaled units; `spread` (..., 1) is the window's, in the unit of y."""
        made = self.head.make(raw, spread, self.shape.quantile_levels)
        return self.affine.undone(made) if self.affine else made

    def _joined(self, inputs: Inputs) -> Tensor:
        """Static covariates beside the inputs of every step."""
        steps_BTF = self.affine(inputs.steps_BTF) if self.affine else inputs.steps_BTF
        embedded = [embed(inputs.categories_BC[:, c]) for c, embed in enumerate(self.embeddings)]
        static_BS = torch.cat([inputs.static_BA, *embedded], dim=1)
        if not static_BS.shape[1]:
            return steps_BTF
        return torch.cat([steps_BTF, static_BS[:, None].expand(-1, steps_BTF.shape[1], -1)], dim=2)


def build_network(shape: NetworkShape, seed: int) -> Network:
    """A network with its weights drawn from `seed` alone; the caller's random state stays as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Network(shape)


def _embedding(n: int, size: int) -> nn.Embedding:
    """Code 0, the unknown category, starts as the zero vector between the others."""
    embedding = nn.Embedding(n, size)
    nn.init.normal_(embedding.weight, std=0.5)
    with torch.no_grad():
        embedding.weight[0] = 0.0
    return embedding
