"""Early stopping's number: pinball loss on inner cutoffs, in units of each history's seasonal naive error (as in MASE).

The unit does not depend on the network's settings, so losses of trials with different scalers can be compared.
"""

import numpy as np
import torch
from torch import Tensor

from forecasting.forecasters.protocol import Task
from forecasting.forecasters.recurrent_forecast import Forecasting
from forecasting.models.random import Draws
from forecasting.series.arrays import FloatArray, IntArray, Origins, SeriesArrays
from forecasting.training.losses import masked_mean, quantile_errors
from forecasting.windows.reading import read_actual

MOST_PATHS = 50  # of an origin where steps are drawn one by one; an eighth of the origins then
MOST_ORIGINS = 4096  # enough for a stable mean; more would cost more than the steps between two looks
_CHUNK = 512


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
        unit = np.array(
            [
                naive_error(arrays.history(s, r), task.season_length)
                for s, r in zip(inner.series, inner.row, strict=True)
            ]
        )
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


def naive_errors(arrays: SeriesArrays, limit: IntArray, season_length: int) -> FloatArray:
    """`naive_error` of each series up to its row `limit`, NaN where that is -1; (S,)."""
    errors = np.full(arrays.n_series, np.nan)
    for s in np.flatnonzero(limit >= 0):
        errors[s] = naive_error(arrays.history(int(s), int(limit[s])), season_length)
    return errors


def naive_error(history: FloatArray, season_length: int) -> float:
    """Mean |y_t - y_{t-m}| of a history, m = 1 where it is no longer than a season; NaN where it has one value."""
    lag = season_length if len(history) > season_length else 1
    changes = np.abs(history[lag:] - history[:-lag])
    changes = changes[np.isfinite(changes)]
    return float(changes.mean()) if len(changes) else float("nan")
