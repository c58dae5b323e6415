"""Reads y from the panel at given rows, as an origin may see it, and as the network's transform has it.

Axes: B windows, X rows of each.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from forecasting.windows.panel import Panel
from forecasting.windows.spec import WindowSpec
from forecasting.windows.transforms import Transform, transform_of


class Seen(NamedTuple):
    """y, or what a transform makes of it, in float64, 0 where unknown, and the mask of what is known; both (B, X)."""

    y: Tensor
    known: Tensor


class Reader:
    """One batch of windows read through the transform of `spec`: at each row what its origin may know of it."""

    def __init__(self, panel: Panel, series_B: Tensor, origin_B: Tensor, spec: WindowSpec) -> None:
        self.panel, self.series = panel, series_B
        self.origin = None if spec.every_step else origin_B
        self.transform = transform_of(spec.transform)
        self.lag = self.transform.steps_back(spec.season_length)

    def y(self, row_BX: Tensor) -> Seen:
        """y in its own unit."""
        return read_y(self.panel, self.series, row_BX, self.origin)

    def level(self, row_BX: Tensor) -> Seen:
        """f(y)."""
        return transformed(self.y(row_BX), self.transform)

    def units(self, row_BX: Tensor, level_BX: Seen | None = None) -> Seen:
        """What the network works on: f(y), or its difference over the lag, known where both ends are."""
        level = level_BX or self.level(row_BX)
        if not self.lag:
            return level
        before = self.level(row_BX - self.lag)
        known = level.known & before.known
        return Seen(torch.where(known, level.y - before.y, 0.0), known)


def transformed(seen: Seen, transform: Transform) -> Seen:
    """f(y); unknown where y lies outside what f takes."""
    known = seen.known & (seen.y >= transform.least)
    return Seen(torch.where(known, transform.forward(torch.where(known, seen.y, 0.0)), 0.0), known)


def read_y(panel: Panel, series_B: Tensor, row_BX: Tensor, origin_B: Tensor | None) -> Seen:
    """y at rows before or at an origin: full[r] where the next observed row is at or before it, else causal[r].

    Without `origin_B` every row is its own origin: causal[r]. Rows before the series' first are unknown.
    """
    first = panel.first[series_B, None]
    row = row_BX.clamp(min=0, max=panel.n_rows - 1)
    value = panel.y_causal[row]
    if origin_B is not None and panel.y_full is not panel.y_causal:
        value = torch.where(row + panel.wait[row] <= origin_B[:, None], panel.y_full[row], value)
    known = (row_BX >= first) & torch.isfinite(value)
    y = value.double() + panel.start[series_B, None]
    return Seen(torch.where(known, y, 0.0), known)


def read_actual(panel: Panel, series_B: Tensor, row_BX: Tensor, limit_B: Tensor) -> Seen:
    """Observed y at rows up to limit_B (B,), the last row that a fit may know; never a filled value."""
    row = row_BX.clamp(max=panel.n_rows - 1)
    value = panel.y_full[row]
    known = (row_BX <= limit_B[:, None]) & (panel.wait[row] == 0) & torch.isfinite(value)
    y = value.double() + panel.start[series_B, None]
    return Seen(torch.where(known, y, 0.0), known)
