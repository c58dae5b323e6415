"""What a forecast is added to, in transformed units: level of the window or of its last season, last value, seasonal naive.

The base of step h after origin o is y[o + h - m * ceil(h / m)], the newest value at the same season, where that row lies
in the known history, else the last known value. Where the transform takes differences, the bases of the steps up to h are
summed onto the newest value, so that base plus forecast is a level again. Axes: B windows, J origins of each, H horizon.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from forecasting.errors import unknown
from forecasting.windows.reading import Reader, Seen
from forecasting.windows.scalers import last_known
from forecasting.windows.spec import WindowSpec
from forecasting.windows.transforms import accumulate

RESIDUALS: dict[str, str] = {
    "none": "the network forecasts around the level of the window",
    "last_value": "it forecasts what is added to the last value",
    "season_mean": "it forecasts what is added to the mean of the newest season",
    "seasonal_naive": "it forecasts what is added to the newest value of the same season",
}


def require_residual(name: str) -> None:
    """InputError for an unknown name."""
    if name not in RESIDUALS:
        raise unknown("residual", name, list(RESIDUALS), "residual of the forecaster")


def forecast_base(
    reader: Reader, origin_BJ: Tensor, level_BT: Seen, units_BT: Seen, centre: Tensor, spec: WindowSpec
) -> Tensor:
    """f(y) that a forecast of 0 stands for, at every step of the horizon; (B, J, H).

    J is 1 (the last origin) or T (each step). `level_BT` is f(y) of the window, `units_BT` what was scaled, `centre` the
    scaler's level of that, (B, 1) or (B, T).
    """
    (B, J), H, m = origin_BJ.shape, spec.horizon, spec.season_length
    last_BT = centre.expand(B, units_BT.y.shape[1]) if spec.residual == "none" else last_known(*units_BT)
    base = _of_origins(last_BT, J).expand(B, J, H)
    if spec.residual == "seasonal_naive":
        base = _same_season(reader.units, origin_BJ, base, m, H)
    if spec.residual == "season_mean":
        base = _season_mean(reader.units, origin_BJ, m).expand(B, J, H)
    if not reader.lag:
        return base
    newest = _of_origins(last_known(*level_BT), J).expand(B, J, H)
    anchor = newest if reader.lag == 1 else _same_season(reader.level, origin_BJ, newest, reader.lag, H)
    return anchor + accumulate(base, reader.lag)


def _of_origins(values_BT: Tensor, J: int) -> Tensor:
    """The values at the origins; (B, J, 1)."""
    return (values_BT if J > 1 else values_BT[:, -1:])[..., None]


def _season_mean(read: Callable[[Tensor], Seen], origin_BJ: Tensor, m: int) -> Tensor:
    """Mean of what is known of the newest m steps up to each origin, 0 where nothing is; (B, J, 1)."""
    rows = torch.arange(origin_BJ.shape[1] - 1 + m, device=origin_BJ.device)
    y, known = (x.unfold(1, m, 1) for x in read(origin_BJ[:, :1] - m + 1 + rows))
    return mean_of_known(y, known)[..., None]


def mean_of_known(y: Tensor, known: Tensor) -> Tensor:
    """Mean over the last axis of what is known, 0 where nothing is."""
    return torch.where(known, y, 0.0).sum(-1) / known.sum(-1).clamp(min=1)


def _same_season(read: Callable[[Tensor], Seen], origin_BJ: Tensor, instead: Tensor, m: int, H: int) -> Tensor:
    """The newest value of each horizon step's season, `instead` where it is unknown; (B, J, H)."""
    w = min(m, H)
    ahead = torch.arange(origin_BJ.shape[1] - 1 + w, device=origin_BJ.device)
    phase = torch.arange(H, device=origin_BJ.device) % m  # h - m * ceil(h / m) = phase - m + 1, at most 0
    y, known = (x.unfold(1, w, 1)[..., phase] for x in read(origin_BJ[:, :1] - m + 1 + ahead))
    return torch.where(known, y, instead)
