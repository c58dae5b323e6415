"""Windows that go on beyond their origin along drawn paths, for networks that forecast one step and read it again.

Comes in: windows and, step by step, the drawn z of every path. Goes out: what the next step's forecast is added to and
scaled by, the inputs of the step just drawn, and at the end y. Scales and inputs come from the functions of training.
Axes: B windows, N paths of each, M = B * N (path n of window b at b * N + n), W columns before and C with the drawn ones.
"""

import torch
from torch import Tensor

from forecasting.windows.gather import step_inputs
from forecasting.windows.panel import Panel
from forecasting.windows.reading import Reader
from forecasting.windows.residuals import mean_of_known
from forecasting.windows.scalers import Scale, last_known, scale_windows
from forecasting.windows.spec import WindowSpec


class Rollout:
    """`spec` is that of training: its horizon is 1. At most `horizon` steps can be put."""

    def __init__(
        self, panel: Panel, series_B: Tensor, origin_B: Tensor, spec: WindowSpec, n_paths: int, horizon: int
    ) -> None:
        self.panel, self.spec = panel, spec
        reader = Reader(panel, series_B, origin_B, spec)
        self.transform, self.lag = reader.transform, reader.lag
        self.season = spec.season_length if spec.residual in ("seasonal_naive", "season_mean") else 0
        W = max(spec.context_length, self.season, self.lag)
        self.end, self.begin = W, W - spec.context_length  # columns of the window: begin to end
        row_BW = (origin_B - W + 1)[:, None] + torch.arange(W, device=panel.device)
        level = reader.level(row_BW)
        units = reader.units(row_BW, level)
        self.level, self.level_known = (_room(x, n_paths, horizon) for x in level)
        self.units, self.units_known = (_room(x, n_paths, horizon) for x in units)
        self.newest_level = last_known(*level)[:, -1].repeat_interleave(n_paths)
        self.newest_units = last_known(*units)[:, -1].repeat_interleave(n_paths)
        self.row = origin_B.repeat_interleave(n_paths)
        self.scale = self._scale()

    def base(self) -> Tensor:
        """f(y) that a forecast of 0 for the next step stands for; (M,)."""
        c = self.end
        base = self.scale.level[:, -1] if self.spec.residual == "none" else self.newest_units
        if self.spec.residual == "season_mean":
            season = slice(c - self.season, c)
            base = mean_of_known(self.units[:, season], self.units_known[:, season])
        elif self.season:
            base = torch.where(self.units_known[:, c - self.season], self.units[:, c - self.season], base)
        if not self.lag:
            return base
        before = torch.where(self.level_known[:, c - self.lag], self.level[:, c - self.lag], self.newest_level)
        return before + base

    def spread(self) -> Tensor:
        """Of the next step's z; (M,)."""
        return self.scale.spread[:, -1]

    def future(self) -> Tensor:
        """Known-future covariates of the next step; (M, 1, K)."""
        return self.panel.known_future[(self.row + 1).clamp(max=self.panel.n_rows - 1)][:, None]

    def put(self, z_M: Tensor) -> None:
        """The next step's value, drawn: from now on it is the newest one."""
        c = self.end
        level = self.base() + self.spread() * z_M
        if self.transform.least > -float("inf"):
            least = self.transform.forward(torch.tensor(self.transform.least, dtype=level.dtype, device=level.device))
            level = level.clamp(min=least)
        self.level[:, c], self.level_known[:, c] = level, True
        self.units[:, c], self.units_known[:, c] = level, True
        if self.lag:
            known = self.level_known[:, c - self.lag]
            self.units[:, c] = torch.where(known, level - self.level[:, c - self.lag], 0.0)
            self.units_known[:, c] = known
        self.newest_level = level
        self.newest_units = torch.where(self.units_known[:, c], self.units[:, c], self.newest_units)
        self.end, self.row = c + 1, self.row + 1
        if self.spec.every_step:
            self.scale = self._scale()

    def inputs(self) -> Tensor:
        """Inputs of the step that was put last, static covariates not counted; (M, F)."""
        two = slice(self.end - 2, self.end)
        units, known = self.units[:, two], self.units_known[:, two]
        newest = Scale(*(x[:, -1:] for x in self.scale))
        rows, inside = self.row[:, None].expand(-1, 2), torch.ones_like(known)
        observed = torch.ones_like(known)
        return step_inputs(self.panel, rows, y=units, known=known, inside=inside, scale=newest, observed_BT=observed)[
            :, -1
        ]

    def y(self) -> Tensor:
        """All values put so far in the unit of y; (M, steps)."""
        return self.transform.inverse(self.level[:, self.begin + self.spec.context_length : self.end])

    def _scale(self) -> Scale:
        """At the newest step, from the window's first step on."""
        now = slice(self.begin, self.end)
        return scale_windows(
            self.spec.scaling,
            self.units[:, now],
            self.units_known[:, now],
            causal=self.spec.every_step,
            panel=self.spec.panel,
        )


def _room(values_BW: Tensor, n_paths: int, horizon: int) -> Tensor:
    """The same columns for every path, with room for `horizon` more; (M, W + H)."""
    room = values_BW.new_zeros(len(values_BW), horizon)
    return torch.cat([values_BW, room], dim=1).repeat_interleave(n_paths, dim=0)
