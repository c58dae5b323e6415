"""The whole network: static covariates join, a topology reads the window, a head makes distributions.

Axes: B batch, T context, F inputs of a step, A numeric and C categorical static covariates, H horizon, K known-future
covariates, P parameters of the head. All numbers are in the scaled units of each window.
"""

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from forecasting.models.cell import State
from forecasting.models.distributions import Distribution
from forecasting.models.heads import head_of
from forecasting.models.reversible import ReversibleAffine
from forecasting.models.shape import Context, NetworkShape
from forecasting.models.static import FirstStates, embedding_sizes, make_embedding
from forecasting.models.topologies import topology_of
from forecasting.windows.gather import Inputs


class Taught(NamedTuple):
    """What an autoregressive decoder reads in training: scaled targets with whether they are known, and their unit."""

    truth_BH2: Tensor
    spread_B1: Tensor


class Network(nn.Module):
    """Inputs -> raw (B, H, P); (B, T, H, P) where every step is an origin and the inputs hold all futures."""

    def __init__(self, shape: NetworkShape) -> None:
        super().__init__()
        self.shape = shape
        sizes = embedding_sizes(shape)
        self.embeddings = nn.ModuleList(
            make_embedding(n, size) for n, size in zip(shape.categories, sizes, strict=True)
        )
        self.head = head_of(shape.head)
        self.affine = ReversibleAffine() if shape.learned_affine else None
        n_static = shape.n_static + sum(sizes)
        self.starts_state = shape.static == "state" and n_static > 0
        if self.starts_state:
            self.first_states = FirstStates(n_static, shape)
        n_inputs = shape.n_inputs + (0 if self.starts_state else n_static)
        n_parameters = self.head.n_parameters(shape.quantile_levels)
        self.topology: Any = topology_of(shape.topology).module(shape, n_inputs, n_parameters)

    def forward(self, inputs: Inputs, taught: Taught | None = None) -> Tensor:
        """Raw parameters of every step, which `distribution` reads.

        An autoregressive decoder needs to be taught; without, it forecasts by `begin` and `advance`.
        """
        context = self.context(inputs)
        if taught is None or self.shape.decoder != "autoregressive":
            raw: Tensor = self.topology(context)
        else:
            raw = self.topology.taught(context, taught.truth_BH2, lambda raw_B1P: self._draw(raw_B1P, taught.spread_B1))
        return raw

    def begin(self, inputs: Inputs) -> tuple[Tensor, list[State]]:
        """Raw parameters of the step after the window, (B, 1, P), and the states to go on from."""
        begun: tuple[Tensor, list[State]] = self.topology.begin(self.context(inputs))
        return begun

    def advance(self, read_BF: Tensor, future_B1K: Tensor, states: list[State]) -> tuple[Tensor, list[State]]:
        """The same one step later. What is read: the inputs of a step, or a decoder's own value (B, 1)."""
        after: tuple[Tensor, list[State]] = self.topology.advance(read_BF, future_B1K, states)
        return after

    def distribution(self, raw: Tensor, spread: Tensor) -> Distribution:
        """Of every step (..., H), in scaled units; `spread` (..., 1) is the window's, in the unit of y."""
        made = self.head.make(raw, spread, self.shape.quantile_levels)
        return self.affine.undone(made) if self.affine else made

    def static(self, inputs: Inputs) -> Tensor:
        """Static covariates, categories embedded; (B, S)."""
        embedded = [embed(inputs.categories_BC[:, c]) for c, embed in enumerate(self.embeddings)]
        return torch.cat([inputs.static_BA, *embedded], dim=1)

    def context(self, inputs: Inputs) -> Context:
        """What the topology reads."""
        static_BS = self.static(inputs)
        states = self.first_states([static_BS] * self.shape.n_layers) if self.starts_state else None
        return Context(self.joined(inputs.steps_BTF, static_BS), inputs.length_B, static_BS, inputs.future_BJHK, states)

    def joined(self, steps_BTF: Tensor, static_BS: Tensor) -> Tensor:
        """Steps as the topology reads them: static covariates beside each, unless they start the state."""
        steps_BTF = self.affine(steps_BTF) if self.affine else steps_BTF
        if self.starts_state or not static_BS.shape[1]:
            return steps_BTF
        return torch.cat([steps_BTF, static_BS[:, None].expand(-1, steps_BTF.shape[1], -1)], dim=2)

    def _draw(self, raw_B1P: Tensor, spread_B1: Tensor) -> Tensor:
        """A value of each step from torch's own random state; (B, 1)."""
        forecast = self.distribution(raw_B1P.double(), spread_B1)
        like = torch.empty_like(spread_B1, dtype=torch.float64)[..., None]
        drawn = forecast.sample(lambda _: torch.rand_like(like).clamp(1e-9, 1 - 1e-9))[..., 0]
        return drawn.to(raw_B1P.dtype)


def build_network(shape: NetworkShape, seed: int) -> Network:
    """A network with its weights drawn from `seed` alone; the caller's random state stays as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Network(shape)
