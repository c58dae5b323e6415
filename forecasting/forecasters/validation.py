"""Early stopping's number: pinball loss on inner cutoffs, in units of each history's seasonal naive error (as in MASE).

The unit does not depend on the network's settings, so losses of trials with different scalers can be compared.
"""

import numpy as np
import torch
from torch import Tensor

from forecasting.forecasters.protocol import Task
from forecasting.forecasters.recurrent_forecast import forecast_quantiles
from forecasting.models.network import Network
from forecasting.series.arrays import FloatArray, IntArray, Origins, SeriesArrays
from forecasting.training.losses import masked_mean, quantile_errors
from forecasting.windows.gather import gather
from forecasting.windows.panel import Panel
from forecasting.windows.reading import read_actual
from forecasting.windows.spec import WindowSpec

MOST_ORIGINS = 4096  # enough for a stable mean; more would cost more than the steps between two looks
_CHUNK = 512


class Validation:
    """Calling it gives the loss of the network as it is, over observed targets up to each series' last known row."""

    def __init__(
        self,
        network: Network,
        panel: Panel,
        spec: WindowSpec,
        task: Task,
        arrays: SeriesArrays,
        inner: Origins,
        limit: IntArray,
    ) -> None:
        stride = -(-len(inner) // MOST_ORIGINS)
        inner = inner.take(slice(None, None, max(1, stride)))
        unit = np.array(
            [
                naive_error(arrays.history(s, r), task.season_length)
                for s, r in zip(inner.series, inner.row, strict=True)
            ]
        )
        scored = np.isfinite(unit) & (unit > 0)
        inner, unit = inner.take(scored), unit[scored]
        self.network, self.panel, self.spec, self.device = network, panel, spec, panel.device
        self.levels = task.quantile_levels
        self.series, self.row, self.limit = (
            torch.from_numpy(x).to(panel.device) for x in (inner.series, inner.row, limit[inner.series])
        )
        self.unit = torch.from_numpy(unit).to(panel.device)

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
        windows = gather(self.panel, series, row, self.spec)
        quantiles = forecast_quantiles(self.network, windows)
        ahead = torch.arange(1, self.spec.horizon + 1, device=self.device)
        actual = read_actual(self.panel, series, row[:, None] + ahead, self.limit[part])
        mask = actual.known & windows.usable[:, None]
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
