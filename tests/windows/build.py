"""Panels on the CPU for tests of windows, from the same small arrays that the forecasters' tests use."""

import numpy as np
import torch

from forecasting.windows.panel import Panel, build_panel
from tests.forecasters.panels import panel as arrays_of

CPU = torch.device("cpu")


def panel_of(series: dict[str, list[float]], horizon: int, full: list[float] | None = None) -> Panel:
    """The series as a panel with one known-future covariate, the row number; `full` replaces the filled values."""
    arrays = arrays_of(series, horizon)
    rows = np.arange(len(arrays.y), dtype=float)[:, None]
    S = len(series)
    return build_panel(
        arrays.offsets,
        arrays.full if full is None else np.array(full),
        arrays.causal,
        arrays.next_observed,
        np.empty((len(rows), 0)),
        rows,
        np.empty((S, 0)),
        np.empty((S, 0), dtype=np.int64),
        CPU,
    )
