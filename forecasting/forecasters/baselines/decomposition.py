"""The M-competitions' seasonal adjustment: a test by autocorrelation, then classical decomposition.

Comes in: a history (T,) and its season m. Goes out: the adjusted history and what puts the season back. The season is
multiplicative where every value and every index is positive, else additive; none where the test finds none.
"""

from dataclasses import dataclass

import numpy as np

from forecasting.series.arrays.series_arrays import FloatArray

_CRITICAL = 1.645  # of the normal: a test at 90 %
_SEASONS = 3  # that must have been seen, as in the M4 competition


@dataclass(frozen=True)
class Season:
    """`next_P` holds the index of each phase from the step after the history on; neutral where there is no season."""

    next_P: FloatArray
    multiplicative: bool

    def over(self, horizon: int) -> FloatArray:
        """The index of each step ahead; (H,)."""
        return self.next_P[np.arange(horizon) % len(self.next_P)]

    def restore(self, values: FloatArray) -> FloatArray:
        """The season put back into values of the adjusted series; (H,) or (H, Q)."""
        index = self.over(len(values)).reshape(-1, *[1] * (values.ndim - 1))
        return values * index if self.multiplicative else values + index


def deseasonalise(y: FloatArray, m: int) -> tuple[FloatArray, Season]:
    """The adjusted history (T,) and its season."""
    if not is_seasonal(y, m):
        return y, Season(np.zeros(1), False)
    multiplicative = bool(y.min() > 0)
    index_P = seasonal_indices(y, m, multiplicative)
    if multiplicative and index_P.min() <= 0:
        multiplicative, index_P = False, seasonal_indices(y, m, False)
    index_T = index_P[np.arange(len(y)) % m]
    return y / index_T if multiplicative else y - index_T, Season(np.roll(index_P, -(len(y) % m)), multiplicative)


def is_seasonal(y: FloatArray, m: int) -> bool:
    """Whether the autocorrelation at lag m exceeds Bartlett's limit at 90 %, given those at shorter lags."""
    if m < 2 or len(y) < _SEASONS * m:
        return False
    x = y - y.mean()
    power = np.dot(x, x)
    if not power > 0:
        return False
    r = np.array([np.dot(x[lag:], x[:-lag]) for lag in range(1, m + 1)]) / power
    limit = _CRITICAL * np.sqrt((1 + 2 * np.dot(r[:-1], r[:-1])) / len(y))
    return bool(abs(r[-1]) > limit)


def seasonal_indices(y: FloatArray, m: int, multiplicative: bool) -> FloatArray:
    """Index of each phase (m,), the first value of y being phase 0; mean 1 or sum 0 (classical decomposition).

    The trend is a centred moving average over a season, with half weights at both ends where m is even.
    """
    weights = np.ones(m) if m % 2 else np.r_[0.5, np.ones(m - 1), 0.5]
    trend = np.convolve(y, weights / m, mode="valid")
    first = len(weights) // 2
    inside = y[first : first + len(trend)]
    ratio = inside / trend if multiplicative else inside - trend
    phase = (first + np.arange(len(trend))) % m
    index_P = np.bincount(phase, weights=ratio, minlength=m) / np.bincount(phase, minlength=m)
    return np.asarray(index_P / index_P.mean() if multiplicative else index_P - index_P.mean())
