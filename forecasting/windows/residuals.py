"""What a forecast is added to: the level of its window, the last value, or the seasonal naive; in the unit of y.

The base of step h after origin o is y[o + h - m * ceil(h / m)], the newest value at the same season, where that row lies
in the known history, else the last known value. Axes: B windows, J origins of each, H horizon.
"""

import torch
from torch import Tensor

from forecasting.errors import unknown
from forecasting.windows.panel import Panel
from forecasting.windows.reading import Seen, read_y
from forecasting.windows.scalers import last_known
from forecasting.windows.spec import WindowSpec

RESIDUALS = ("none", "last_value", "seasonal_naive")


def require_residual(name: str) -> None:
    """InputError for an unknown name."""
    if name not in RESIDUALS:
        raise unknown("residual", name, list(RESIDUALS), "residual of the forecaster")


def residual_base(
    panel: Panel, series_B: Tensor, origin_BJ: Tensor, seen_BT: Seen, level: Tensor, spec: WindowSpec
) -> Tensor:
    """Base of every step of the horizon; J is 1 (the last origin) or T (each step of seen_BT); (B, J, H).

    `level` is the scaler's, (B, 1) or (B, T).
    """
    (B, J), H = origin_BJ.shape, spec.horizon
    last_BT = level.expand(B, seen_BT.y.shape[1]) if spec.residual == "none" else last_known(*seen_BT)
    newest_BT1 = (last_BT if J > 1 else last_BT[:, -1:])[..., None]
    if spec.residual != "seasonal_naive":
        return newest_BT1.expand(B, J, H)
    m = spec.season_length
    w = min(m, H)
    rows = origin_BJ[:, :1] - m + 1 + torch.arange(J - 1 + w, device=panel.device)
    season = read_y(panel, series_B, rows, None if spec.every_step else origin_BJ[:, -1])
    phase = torch.arange(H, device=panel.device) % m  # h - m * ceil(h / m) = phase - m + 1, at most 0
    y, known = (x.unfold(1, w, 1)[..., phase] for x in season)
    return torch.where(known, y, newest_BT1)
