"""Reads y from the panel at given rows, as an origin may see it. Axes: B windows, X rows of each."""

from typing import NamedTuple

import torch
from torch import Tensor

from forecasting.windows.panel import Panel


class Seen(NamedTuple):
    """y in its own unit in float64, 0 where unknown, and the mask of what is known; both (B, X)."""

    y: Tensor
    known: Tensor


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
