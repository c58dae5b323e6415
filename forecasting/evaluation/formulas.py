"""The formulas of all metrics: n cases of H steps go in, one number per case comes out.

Axes: n cases, H steps, Q quantile levels. Every formula reduces the steps of a case, so the same formula gives the
score of an origin (over its H steps) and that of a step (over the same step of all origins, see `Cases.transposed`).
Only steps with an observed y count; a forecast that is not finite there makes the value NaN.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from forecasting.series.arrays import FloatArray, IntArray


@dataclass(frozen=True)
class Cases:
    """What a formula reads, in the original unit."""

    y: FloatArray  # (n, H) NaN where unobserved
    y_hat: FloatArray  # (n, H)
    quantiles: FloatArray  # (n, H, Q)
    levels: FloatArray  # (Q,) ascending
    scale: FloatArray  # (n, 1) or (1, H): in-sample mean |y_t - y_{t-m}|, NaN where there is no such pair
    scale_squared: FloatArray  # the same of the squares

    @property
    def error(self) -> FloatArray:
        """Forecast minus actual; (n, H)."""
        return self.y_hat - self.y

    @property
    def n_observed(self) -> IntArray:
        """Number of steps with an actual value; (n,)."""
        return np.asarray(np.isfinite(self.y).sum(axis=1))

    def total(self, values: FloatArray) -> FloatArray:
        """Sum of `values` (n, H) over the observed steps; (n,)."""
        return np.asarray(np.where(np.isfinite(self.y), values, 0.0).sum(axis=1))

    def mean(self, values: FloatArray) -> FloatArray:
        """Mean of `values` (n, H) over the observed steps, NaN where there are none; (n,)."""
        return self.total(values) / self.n_observed

    def transposed(self) -> "Cases":
        """Steps as cases: case h holds step h of every origin; (H, n)."""
        quantiles = self.quantiles.transpose(1, 0, 2)
        return Cases(self.y.T, self.y_hat.T, quantiles, self.levels, self.scale.T, self.scale_squared.T)

    def take(self, index: npt.NDArray[np.bool_]) -> "Cases":
        """The cases where `index` (n,) is true."""
        scales = self.scale[index], self.scale_squared[index]
        return Cases(self.y[index], self.y_hat[index], self.quantiles[index], self.levels, *scales)


def mae(c: Cases) -> FloatArray:
    """Mean |f - y|."""
    return c.mean(np.abs(c.error))


def rmse(c: Cases) -> FloatArray:
    """Root of mean (f - y)^2."""
    return np.sqrt(c.mean(c.error**2))


def bias(c: Cases) -> FloatArray:
    """Mean (f - y): positive where forecasts are too high."""
    return c.mean(c.error)


def mape(c: Cases) -> FloatArray:
    """100 mean |f - y| / |y|."""
    return 100 * c.mean(np.abs(c.error) / np.abs(c.y))


def wape(c: Cases) -> FloatArray:
    """Sum |f - y| / sum |y|."""
    return c.total(np.abs(c.error)) / c.total(np.abs(c.y))


def smape(c: Cases) -> FloatArray:
    """200 mean |f - y| / (|f| + |y|), 0 where both are 0."""
    size = np.abs(c.y_hat) + np.abs(c.y)
    return 200 * c.mean(np.divide(np.abs(c.error), size, out=np.zeros_like(size), where=size != 0))


def mase(c: Cases) -> FloatArray:
    """Mean |f - y| / in-sample mean |y_t - y_{t-m}|."""
    return c.mean(np.abs(c.error) / c.scale)


def rmsse(c: Cases) -> FloatArray:
    """Root of mean (f - y)^2 / in-sample mean (y_t - y_{t-m})^2."""
    return np.sqrt(c.mean(c.error**2 / c.scale_squared))


def quantile_loss(c: Cases) -> FloatArray:
    """max(a (y - q), (a - 1) (y - q)), mean over the levels a; (n, H)."""
    above = c.y[..., None] - c.quantiles  # (n, H, Q)
    return np.asarray(np.maximum(c.levels * above, (c.levels - 1) * above).mean(axis=2))


def pinball(c: Cases) -> FloatArray:
    """Mean quantile loss over levels and steps."""
    return c.mean(quantile_loss(c))


def wql(c: Cases) -> FloatArray:
    """2 sum quantile loss / sum |y|, mean over the levels."""
    return 2 * c.total(quantile_loss(c)) / c.total(np.abs(c.y))


def coverage(c: Cases) -> FloatArray:
    """Share of y inside [lowest quantile, highest quantile]; NaN with fewer than two levels."""
    if len(c.levels) < 2:
        return np.full(len(c.y), np.nan)
    low, high = c.quantiles[..., 0], c.quantiles[..., -1]
    inside = ((low <= c.y) & (c.y <= high)).astype(np.float64)
    return c.mean(np.where(np.isfinite(low + high), inside, np.nan))
