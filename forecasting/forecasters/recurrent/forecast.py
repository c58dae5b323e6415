"""From a batch of windows to forecasts in the unit of y: quantiles of each step, or sample paths.

A network that gives the whole horizon at once gives the quantiles too. One that reads its own steps again (strategy
recursive, an autoregressive decoder) is followed along ancestral paths: each draws its next value, reads it, goes on; a
mean is never fed back. Axes: B windows, H horizon, Q quantile levels, N paths, M = B * N.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from forecasting.models.cell import State
from forecasting.models.network import Network
from forecasting.models.random import Draws
from forecasting.windows.gather import Windows, gather
from forecasting.windows.panel import Panel
from forecasting.windows.rollout import Rollout
from forecasting.windows.spec import WindowSpec

Kind = str  # "direct", "recursive" or "autoregressive": how a network goes through the horizon


@dataclass(frozen=True)
class Forecasting:
    """A network with what it reads from; `horizon` is the task's, `spec` that of training."""

    network: Network
    panel: Panel
    spec: WindowSpec
    kind: Kind
    horizon: int
    levels: tuple[float, ...]

    def quantiles(self, series_B: Tensor, row_B: Tensor, draws: Draws) -> tuple[Tensor, Tensor]:
        """Ascending quantiles in the unit of y, float64 (B, H, Q), and whether the window can be used (B,).

        `draws` is read where they come from paths.
        """
        if self.kind != "direct":
            y_BHN, usable = self.paths(series_B, row_B, draws)
            return _quantiles_of(y_BHN, self.levels), usable
        windows = gather(self.panel, series_B, row_B, self.spec)
        forecast = self.network.distribution(self.network(windows.inputs), windows.spread)
        return windows.unscale(forecast.quantiles(self.levels)), windows.usable

    def paths(self, series_B: Tensor, row_B: Tensor, draws: Draws) -> tuple[Tensor, Tensor]:
        """Sample paths in the unit of y, float64 (B, H, N), and whether the window can be used (B,).

        Of a direct network the steps are drawn each by itself: right at every step, silent on how steps move together.
        """
        windows = gather(self.panel, series_B, row_B, self.spec)
        if self.kind == "recursive":
            y_BHN = self._recursive(windows, series_B, row_B, draws)
        elif self.kind == "autoregressive":
            y_BHN = windows.unscale(self._autoregressive(windows, draws))
        else:
            forecast = self.network.distribution(self.network(windows.inputs).double(), windows.spread)
            y_BHN = windows.unscale(forecast.sample(draws.uniform(0, self.horizon)))
        return y_BHN, windows.usable

    def _recursive(self, windows: Windows, series_B: Tensor, row_B: Tensor, draws: Draws) -> Tensor:
        N = draws.key_BN.shape[1]
        rollout = Rollout(
            panel=self.panel, series_B=series_B, origin_B=row_B, spec=self.spec, n_paths=N, horizon=self.horizon
        )
        raw_B1P, states = self.network.begin(windows.inputs)
        raw_M1P, states = raw_B1P.repeat_interleave(N, 0), _repeated(states, N)
        static_MS = self.network.static(windows.inputs).repeat_interleave(N, 0)
        for h in range(self.horizon):
            rollout.put(self._drawn(raw_M1P, rollout.spread()[:, None], draws, h))
            if h + 1 < self.horizon:
                read_M1F = self.network.joined(rollout.inputs()[:, None], static_MS)
                raw_M1P, states = self.network.advance(read_M1F[:, 0], rollout.future(), states)
        return rollout.y().reshape(-1, N, self.horizon).transpose(1, 2)

    def _autoregressive(self, windows: Windows, draws: Draws) -> Tensor:
        """In scaled units."""
        N = draws.key_BN.shape[1]
        future_MHK = windows.inputs.future_BJHK.repeat_interleave(N, 0)
        spread_M1 = windows.spread.repeat_interleave(N, 0)
        raw_B1P, states = self.network.begin(windows.inputs)
        raw_M1P, states = raw_B1P.repeat_interleave(N, 0), _repeated(states, N)
        drawn: list[Tensor] = []
        for h in range(self.horizon):
            drawn.append(self._drawn(raw_M1P, spread_M1, draws, h))
            if h + 1 < self.horizon:
                value_M1 = drawn[-1][:, None].float()
                raw_M1P, states = self.network.advance(value_M1, future_MHK[:, h + 1 : h + 2], states)
        return torch.stack(drawn, 1).reshape(-1, N, self.horizon).transpose(1, 2)

    def _drawn(self, raw_M1P: Tensor, spread_M1: Tensor, draws: Draws, h: int) -> Tensor:
        """One value of z for every path; (M,)."""
        uniform = draws.uniform(h, 1)
        forecast = self.network.distribution(raw_M1P.double(), spread_M1)
        return forecast.sample(lambda number: uniform(number).reshape(-1, 1, 1))[:, 0, 0]


def _repeated(states: list[State], n: int) -> list[State]:
    return [tuple(part.repeat_interleave(n, 0) for part in state) for state in states]


def _quantiles_of(y_BHN: Tensor, levels: tuple[float, ...]) -> Tensor:
    """By linear interpolation between the ordered paths; (B, H, Q)."""
    ordered, N = y_BHN.sort(-1).values, y_BHN.shape[-1]
    place = torch.tensor(levels, dtype=y_BHN.dtype, device=y_BHN.device) * (N - 1)
    below = place.floor().long().clamp(max=max(N - 2, 0))
    low, high = ordered[..., below], ordered[..., (below + 1).clamp(max=N - 1)]
    return low + (place - below) * (high - low)
