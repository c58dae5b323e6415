"""Normal quantiles around a point forecast, which every baseline ends with: mean and spread in, (H, Q) out."""

from functools import lru_cache
from statistics import NormalDist

import numpy as np

from forecasting.forecasters.protocol import Task
from forecasting.series.arrays.series_arrays import FloatArray

_FLAT = 1e-10  # spread relative to the level below which a series counts as constant: rounding, not movement


@lru_cache(maxsize=64)
def _z(levels: tuple[float, ...]) -> FloatArray:
    """Standard normal quantiles of the levels; (Q,), exactly 0 at 0.5."""
    return np.array([NormalDist().inv_cdf(level) for level in levels])


def normal_forecast(mean_H: FloatArray, sigma_H: FloatArray, task: Task) -> tuple[FloatArray, FloatArray]:
    """Point forecast (H,) and its normal quantiles (H, Q), ascending; ValueError where mean or spread is not finite.

    The axes before the last may be more: (O, H) gives (O, H, Q).
    """
    quantiles_HQ = mean_H[..., None] + sigma_H[..., None] * _z(task.quantile_levels)
    if not (np.isfinite(quantiles_HQ).all() and np.isfinite(mean_H).all()):
        raise ValueError("the model gave a non-finite forecast")
    return mean_H, quantiles_HQ


def is_constant(y: FloatArray, before: FloatArray | None = None) -> bool:
    """Whether a gap-free series (T,) never moves, up to rounding: its own, or that of the series it was made from."""
    return bool(np.ptp(y) <= _FLAT * np.max(np.abs(y if before is None else before)))


def constant_forecast(y: FloatArray, task: Task) -> tuple[FloatArray, FloatArray]:
    """The last value over the horizon, intervals of width 0: all that a constant series supports."""
    return normal_forecast(np.full(task.horizon, y[-1]), np.zeros(task.horizon), task)
