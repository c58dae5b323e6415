"""Split-conformal calibration: what a forecaster's quantiles missed on inner cutoffs is added to them from then on.

Comes in: forecasts from inner cutoffs that training did not see, and the actual values there. Goes out: for each step and
quantile level an offset in units of the history's seasonal naive error (as in MASE), so that series of any size share one.
With n residuals e = (y - quantile) / unit of a step, the offset of level q is their ceil((n + 1) q)-th smallest: a new
value then lies below the calibrated quantile with probability of at least q, whatever the model (Vovk et al. 2005; Romano
et al. 2019 for quantile forecasts, here each level by itself). The median is left as it is: it is the point forecast.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from forecasting.forecasters.protocol import Forecast, Task
from forecasting.forecasters.recurrent.validation import naive_errors
from forecasting.series.arrays.series_arrays import FloatArray, Origins, SeriesArrays

LEAST = 40  # residuals of a step; with fewer the outer quantiles would be the extremes of a handful of cutoffs


@dataclass(frozen=True)
class Calibration:
    """`offsets` (H, Q) in units of the seasonal naive error, 0 at the median; `n` residuals of the step that has fewest."""

    offsets: FloatArray
    n: int

    def to_dict(self) -> dict[str, Any]:
        """As JSON keeps it."""
        return {"offsets": self.offsets.tolist(), "n": self.n}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Calibration":
        """Inverse of `to_dict`."""
        return cls(np.array(values["offsets"], dtype=np.float64), int(values["n"]))

    def apply(self, forecast: Forecast, arrays: SeriesArrays, origins: Origins, task: Task) -> Forecast:
        """The forecast with moved quantiles, ascending around the median; histories without a scale stay as they are."""
        unit = np.nan_to_num(units(arrays, origins, task), nan=0.0)
        moved = forecast.quantiles + unit[:, None, None] * self.offsets
        m = task.quantile_levels.index(0.5)
        moved[..., :m] = np.minimum(np.maximum.accumulate(moved[..., :m], axis=-1), moved[..., m : m + 1])
        moved[..., m + 1 :] = np.maximum(np.maximum.accumulate(moved[..., m + 1 :], axis=-1), moved[..., m : m + 1])
        if task.non_negative:
            moved = np.maximum(moved, 0.0)
        return replace(forecast, quantiles=moved)


def fit_calibration(forecast: Forecast, arrays: SeriesArrays, origins: Origins, task: Task) -> Calibration | None:
    """Offsets from forecasts of `origins` and the actual values; None where some step has fewer than LEAST residuals."""
    unit = units(arrays, origins, task)
    served = np.array([reason is None for reason in forecast.failed], dtype=bool)
    usable = served & np.isfinite(unit) & (unit > 0)
    if not usable.any():
        return None
    actual = arrays.targets(origins, task.horizon)[usable]
    residual = (actual[..., None] - forecast.quantiles[usable]) / unit[usable, None, None]  # (n, H, Q)
    counts = np.isfinite(residual[..., 0]).sum(axis=0)  # (H,)
    if counts.min() < LEAST:
        return None
    ordered = np.sort(residual, axis=0)  # NaN last
    offsets = np.zeros((task.horizon, len(task.quantile_levels)))
    for i, level in enumerate(task.quantile_levels):
        if level != 0.5:
            # Below the median the mirrored rule: a new value lies above the quantile with probability of at least 1 - q.
            rank = np.ceil((counts + 1) * level) if level > 0.5 else counts + 1 - np.ceil((counts + 1) * (1 - level))
            place = np.clip(rank, 1, counts).astype(np.int64) - 1
            offsets[:, i] = ordered[place, np.arange(task.horizon), i]
    return Calibration(offsets, int(counts.min()))


def units(arrays: SeriesArrays, origins: Origins, task: Task) -> FloatArray:
    """The seasonal naive error of the history before each origin, NaN or 0 where it has none; (O,)."""
    return naive_errors(arrays, origins, task.season_length)
