"""From (series, origin row) to what a network reads: one index gather from the panel, nothing is stored.

Windows are left-aligned: a history shorter than T begins at position 0 and the right end is padding, so that a recurrent
net reads it as if it had no padding; its last state is the one at position length - 1. Every step carries: y transformed
and scaled, the first difference of that, whether y was observed, past covariates, known-future covariates. Where every
step is an origin (`every_step`) each step is scaled by the steps up to it and gaps are filled from the past of each step.
Axes: B windows, T context, H horizon, F features of a step, K known-future covariates, A / C static covariates.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from forecasting.windows.panel import Panel
from forecasting.windows.reading import Reader, Seen, read_actual, transformed
from forecasting.windows.residuals import forecast_base
from forecasting.windows.scalers import Scale, scale_windows
from forecasting.windows.spec import WindowSpec
from forecasting.windows.transforms import Transform


class Inputs(NamedTuple):
    """What the network reads, float32 and int64. J is absent (one origin per window) or T (each step an origin)."""

    steps_BTF: Tensor
    length_B: Tensor
    static_BA: Tensor
    categories_BC: Tensor
    future_BJHK: Tensor  # known-future covariates over the horizon: (B, H, K) or (B, T, H, K)


class Windows(NamedTuple):
    """Inputs, and what turns a network's output z into y; float64."""

    inputs: Inputs
    base: Tensor  # (B, H) or (B, T, H)
    spread: Tensor  # (B, 1) or (B, T, 1)
    moves: Tensor  # whether the spread was measured; as `spread`
    usable: Tensor  # (B,) or (B, T): in the history, some y is known up to it, and the transform takes all of them
    transform: Transform

    def unscale(self, z: Tensor) -> Tensor:
        """Forecasts z (..., H, N) in scaled units as y in float64: quantile by quantile, or path by path.

        Exact for both, since f is monotone. Not for a mean unless `transform.is_linear`: take the mean of unscaled paths.
        """
        return self.transform.inverse(self.base[..., None] + self.spread[..., None] * z.double())


class Targets(NamedTuple):
    """Scaled targets and which of them count; (B, H) or (B, T, H)."""

    z: Tensor  # float32, 0 where masked
    mask: Tensor


def gather(panel: Panel, series_B: Tensor, origin_B: Tensor, spec: WindowSpec, *, all_origins: bool = False) -> Windows:
    """Windows that end at the origins; with `all_origins` also the bases and futures of every step, for training."""
    first = panel.first[series_B]
    length_B = (origin_B - first + 1).clamp(max=spec.context_length)
    step_T = torch.arange(spec.context_length, device=panel.device)
    inside_BT = step_T < length_B[:, None]
    row_BT = torch.minimum((origin_B - length_B + 1)[:, None] + step_T, origin_B[:, None])
    reader = Reader(panel, series_B, origin_B, spec)
    y = reader.y(row_BT)
    level = _inside(transformed(y, reader.transform), inside_BT)
    units = _inside(reader.units(row_BT, level), inside_BT)
    scale = scale_windows(spec.scaling, *units, causal=spec.every_step, panel=spec.panel)
    origins_BJ = row_BT if all_origins else origin_B[:, None]
    future = _future(panel, origins_BJ, spec.horizon)
    base = forecast_base(reader, origins_BJ, level_BT=level, units_BT=units, centre=scale.level, spec=spec)
    inputs = Inputs(
        step_inputs(panel, row_BT, *units, inside_BT, scale, panel.wait[row_BT] == 0),
        length_B,
        panel.static_numeric[series_B],
        panel.static_categories[series_B],
        future if all_origins else future[:, 0],
    )
    refused_BT = y.known & inside_BT & ~level.known
    enough_BT = level.known.cumsum(1) > 0 if spec.needs_history else torch.ones_like(inside_BT)
    usable = inside_BT & enough_BT & (refused_BT.cumsum(1) == 0)
    if all_origins:
        return Windows(
            inputs=inputs,
            base=base,
            spread=scale.spread[..., None],
            moves=scale.moves[..., None],
            usable=usable,
            transform=reader.transform,
        )
    last = (length_B - 1)[:, None]
    spread, moves = (x.gather(1, last) if spec.every_step else x for x in (scale.spread, scale.moves))
    return Windows(
        inputs=inputs,
        base=base[:, 0],
        spread=spread,
        moves=moves,
        usable=usable.gather(1, last)[:, 0],
        transform=reader.transform,
    )


def gather_targets(
    panel: Panel,
    series_B: Tensor,
    origin_B: Tensor,
    windows: Windows,
    limit_B: Tensor,
    spec: WindowSpec,
    burn_in: int = 0,
) -> Targets:
    """Scaled targets of `windows`; only observed y up to limit_B counts, and only where the window has a scale.

    With an origin at each step, those with less than `burn_in` steps behind them are left out (never a whole window).
    """
    H = spec.horizon
    if windows.base.dim() == 2:
        ahead = torch.arange(1, H + 1, device=panel.device)
        actual = transformed(read_actual(panel, series_B, origin_B[:, None] + ahead, limit_B), windows.transform)
        mask = actual.known & windows.moves & windows.usable[:, None]
        return Targets(_scaled_target(actual.y, windows, mask), mask)
    T, length_B = windows.base.shape[1], windows.inputs.length_B
    ahead = torch.arange(1, T + H, device=panel.device)
    rows = (origin_B - length_B + 1)[:, None] + ahead
    actual = transformed(read_actual(panel, series_B, rows, limit_B), windows.transform)
    y, known = actual.y.unfold(1, H, 1), actual.known.unfold(1, H, 1)  # (B, T, H): step t sees rows t+1 .. t+H
    step_T = torch.arange(T, device=panel.device)
    warm = step_T >= torch.minimum(length_B - 1, torch.full_like(length_B, burn_in))[:, None]
    mask = known & windows.moves & (windows.usable & warm)[..., None]
    return Targets(_scaled_target(y, windows, mask), mask)


def _scaled_target(y: Tensor, windows: Windows, mask: Tensor) -> Tensor:
    return torch.where(mask, (y - windows.base) / windows.spread, 0.0).float()


def _inside(seen: Seen, inside_BT: Tensor) -> Seen:
    return Seen(seen.y, seen.known & inside_BT)


def step_inputs(
    panel: Panel, row_BT: Tensor, y: Tensor, known: Tensor, inside: Tensor, scale: Scale, observed_BT: Tensor
) -> Tensor:
    """Inputs of every step, padding all zero; (B, T, F)."""
    y_BT = torch.where(known & scale.moves, scale.apply(y), 0.0)
    change_BT = torch.zeros_like(y)
    change_BT[:, 1:] = y[:, 1:] - y[:, :-1]
    both = torch.zeros_like(known)
    both[:, 1:] = known[:, 1:] & known[:, :-1]
    change_BT = torch.where(both & scale.moves, change_BT / scale.spread, 0.0)
    parts = [y_BT.float()[..., None], change_BT.float()[..., None], observed_BT.float()[..., None]]
    parts += [panel.past[row_BT], panel.known_future[row_BT]]
    return torch.cat(parts, dim=2) * inside[..., None]


def _future(panel: Panel, origin_BJ: Tensor, H: int) -> Tensor:
    """Known-future covariates of the horizon after each origin; (B, J, H, K)."""
    if origin_BJ.shape[1] == 1:
        rows = origin_BJ[..., None] + torch.arange(1, H + 1, device=panel.device)
        return panel.known_future[rows.clamp(max=panel.n_rows - 1)]
    ahead = torch.arange(1, origin_BJ.shape[1] + H, device=panel.device)
    rows = (origin_BJ[:, :1] + ahead).clamp(max=panel.n_rows - 1)
    return panel.known_future[rows].unfold(1, H, 1).transpose(2, 3)
