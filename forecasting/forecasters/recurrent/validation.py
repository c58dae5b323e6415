"""Early stopping's number: pinball loss on inner cutoffs, in units of each history's seasonal naive error (as in MASE).

The unit does not depend on the network's settings, so losses of trials with different scalers can be compared.
"""

import numpy as np
import torch
from torch import Tensor

from forecasting.forecasters.protocol import Task
from forecasting.forecasters.recurrent.forecast import Forecasting
from forecasting.models.random import Draws
from forecasting.series.arrays.series_arrays import FloatArray, IntArray, Origins, SeriesArrays
from forecasting.training.losses import masked_mean, quantile_errors
from forecasting.windows.reading import read_actual

MOST_PATHS = 50  # of an origin where steps are drawn one by one; an eighth of the origins then
MOST_ORIGINS = 4096  # enough for a stable mean; more would cost more than the steps between two looks
_CHUNK = 512
_VALUES = 1 << 20  # of histories that are looked at together


class Validation:
    """Calling it gives the loss of the network as it is, over observed targets up to each series' last known row."""

    def __init__(
        self,
        forecasting: Forecasting,
        task: Task,
        arrays: SeriesArrays,
        inner: Origins,
        limit: IntArray,
        n_paths: int,
    ) -> None:
        draws = forecasting.kind != "direct"
        self.n_paths = min(n_paths, MOST_PATHS) if draws else 1
        most = MOST_ORIGINS // 8 if draws else MOST_ORIGINS
        stride = -(-len(inner) // most)
        inner = inner.take(slice(None, None, max(1, stride)))
        unit = naive_errors(arrays, inner, task.season_length)
        scored = np.isfinite(unit) & (unit > 0)
        inner, unit = inner.take(scored), unit[scored]
        self.forecasting, self.device = forecasting, forecasting.panel.device
        self.levels = task.quantile_levels
        self.series, self.row, self.limit = (
            torch.from_numpy(x).to(self.device) for x in (inner.series, inner.row, limit[inner.series])
        )
        self.unit = torch.from_numpy(unit).to(self.device)

    def __len__(self) -> int:
        return len(self.row)

    def __call__(self) -> float:
        """Mean over observed targets; NaN where the network gives any."""
        total, count = 0.0, 0
        for begin in range(0, len(self), _CHUNK):
            loss, n = self._chunk(slice(begin, begin + _CHUNK))
            total, count = total + float(loss) * n, count + n
        return total / count if count else float("nan")

    def _chunk(self, part: slice) -> tuple[Tensor, int]:
        series, row, unit = self.series[part], self.row[part], self.unit[part, None]
        key = torch.arange(len(row), device=self.device) + (part.start or 0)  # the same draws at every look
        quantiles, usable = self.forecasting.quantiles(series, row, Draws(key, self.n_paths))
        ahead = torch.arange(1, self.forecasting.horizon + 1, device=self.device)
        actual = read_actual(self.forecasting.panel, series, row[:, None] + ahead, self.limit[part])
        mask = actual.known & usable[:, None]
        errors = quantile_errors(quantiles / unit[..., None], actual.y / unit, self.levels)
        return masked_mean(errors, mask), int(mask.sum())


def naive_errors(arrays: SeriesArrays, origins: Origins, season_length: int) -> FloatArray:
    """Mean |y_t - y_{t-m}| of the history before each origin, m = 1 where it is no longer than a season; (O,).

    NaN where it has one value. Histories of one length are taken together, and each mean is that of its own values alone.
    """
    errors = np.full(len(origins), np.nan)
    lengths = origins.row + 1 - arrays.offsets[origins.series]
    order = np.argsort(lengths, kind="stable")
    for same in np.split(order, np.flatnonzero(np.diff(lengths[order])) + 1) if len(order) else []:
        length = int(lengths[same[0]])
        at_once = max(1, _VALUES // length)
        for begin in range(0, len(same), at_once):
            part = same[begin : begin + at_once]
            errors[part] = _errors_of(_histories(arrays, origins.row[part], length), season_length)
    return errors


def _histories(arrays: SeriesArrays, row: IntArray, length: int) -> FloatArray:
    """The last `length` values as known at each row; (rows, length)."""
    rows = row[:, None] - np.arange(length - 1, -1, -1)
    values: FloatArray = np.where(arrays.next_observed[rows] <= row[:, None], arrays.full[rows], arrays.causal[rows])
    return values


def _errors_of(histories: FloatArray, season_length: int) -> FloatArray:
    lag = season_length if histories.shape[1] > season_length else 1
    changes = np.abs(histories[:, lag:] - histories[:, :-lag])
    finite = np.isfinite(changes)
    errors = np.full(len(changes), np.nan)
    whole = finite.all(axis=1) & (changes.shape[1] > 0)
    if whole.any():
        errors[whole] = changes[whole].mean(axis=1)
    for i in np.flatnonzero(~whole & finite.any(axis=1)):
        errors[i] = changes[i][finite[i]].mean()
    return errors
