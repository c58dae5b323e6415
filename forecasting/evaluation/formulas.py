"""The formulas of all metrics: n cases of H steps go in, one number per case comes out.

Axes: n cases, H steps, Q quantile levels. Every formula reduces the steps of a case, so the same formula gives the
score of an origin (over its H steps) and that of a step (over the same step of all origins, see `Cases.transposed`).
Only steps with an observed y count; a forecast that is not finite there makes the value NaN.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from forecasting.series.arrays.series_arrays import FloatArray, IntArray


@dataclass(frozen=True)
class Cases:
    """What a formula reads, in the original unit."""

    y: FloatArray  # (n, H) NaN where unobserved
    y_hat: FloatArray  # (n, H)
    quantiles: FloatArray  # (n, H, Q)
    levels: FloatArray  # (Q,) ascending
    scale: FloatArray  # (n, 1) or (1, H): in-sample mean |y_t - y_{t-m}|, NaN where there is no such pair
    scale_squared: FloatArray  # the same of the squares
    sd: FloatArray  # (n, 1) or (1, H): standard deviation by which the series is standardised
    naive2_smape: float = float("nan")  # mean scores of Naive2 over all cases, what OWA divides by
    naive2_mase: float = float("nan")

    @cached_property
    def error(self) -> FloatArray:
        """Forecast minus actual; (n, H)."""
        return self.y_hat - self.y

    @cached_property
    def absolute_error(self) -> FloatArray:
        """|f - y|; (n, H)."""
        return np.abs(self.error)

    @cached_property
    def size(self) -> FloatArray:
        """|y|; (n, H)."""
        return np.abs(self.y)

    @cached_property
    def observed(self) -> npt.NDArray[np.bool_] | None:
        """Which steps have an actual value (n, H); None where all have."""
        observed = np.isfinite(self.y)
        return None if observed.all() else observed

    @cached_property
    def n_observed(self) -> IntArray:
        """Number of steps with an actual value; (n,)."""
        n, H = self.y.shape
        return np.full(n, H) if self.observed is None else np.asarray(self.observed.sum(axis=1))

    def total(self, values: FloatArray) -> FloatArray:
        """Sum of `values` (n, H) over the observed steps; (n,)."""
        return np.asarray((values if self.observed is None else np.where(self.observed, values, 0.0)).sum(axis=1))

    def mean(self, values: FloatArray) -> FloatArray:
        """Mean of `values` (n, H) over the observed steps, NaN where there are none; (n,)."""
        return self.total(values) / self.n_observed

    def transposed(self) -> "Cases":
        """Steps as cases: case h holds step h of every origin; (H, n)."""
        return replace(
            self,
            y=self.y.T,
            y_hat=self.y_hat.T,
            quantiles=self.quantiles.transpose(1, 0, 2),
            scale=self.scale.T,
            scale_squared=self.scale_squared.T,
            sd=self.sd.T,
        )

    def take(self, index: npt.NDArray[np.bool_] | npt.NDArray[np.intp] | slice) -> "Cases":
        """The cases at `index`: a mask (n,), positions or a slice."""
        return replace(
            self,
            y=self.y[index],
            y_hat=self.y_hat[index],
            quantiles=self.quantiles[index],
            scale=self.scale[index],
            scale_squared=self.scale_squared[index],
            sd=self.sd[index],
        )

    def only(self, steps: npt.NDArray[np.bool_]) -> "Cases":
        """The same cases with only `steps` (n, H) taken as observed."""
        return replace(self, y=np.where(steps, self.y, np.nan))

    def at_levels(self, which: Sequence[int]) -> "Cases":
        """The same cases with only the quantile levels at these positions."""
        return replace(self, quantiles=self.quantiles[..., list(which)], levels=self.levels[list(which)])


def mae(c: Cases) -> FloatArray:
    """Mean |f - y|."""
    return c.mean(c.absolute_error)


def rmse(c: Cases) -> FloatArray:
    """Root of mean (f - y)^2."""
    return np.sqrt(c.mean(c.error**2))


def bias(c: Cases) -> FloatArray:
    """Mean (f - y): positive where forecasts are too high."""
    return c.mean(c.error)


def mape(c: Cases) -> FloatArray:
    """100 mean |f - y| / |y|."""
    return 100 * c.mean(c.absolute_error / c.size)


def wape(c: Cases) -> FloatArray:
    """Sum |f - y| / sum |y|."""
    return c.total(c.absolute_error) / c.total(c.size)


def smape(c: Cases) -> FloatArray:
    """200 mean |f - y| / (|f| + |y|), 0 where both are 0."""
    size = np.abs(c.y_hat) + c.size
    return 200 * c.mean(np.divide(c.absolute_error, size, out=np.zeros_like(size), where=size != 0))


def mase(c: Cases) -> FloatArray:
    """Mean |f - y| / in-sample mean |y_t - y_{t-m}|."""
    return _scaled_mean(c, c.absolute_error, c.scale)


def rmsse(c: Cases) -> FloatArray:
    """Root of mean (f - y)^2 / in-sample mean (y_t - y_{t-m})^2."""
    return np.sqrt(_scaled_mean(c, c.error**2, c.scale_squared))


def owa(c: Cases) -> FloatArray:
    """(sMAPE / mean sMAPE of Naive2 + MASE / mean MASE of Naive2) / 2: its mean over cases is the OWA of the M4."""
    return (smape(c) / c.naive2_smape + mase(c) / c.naive2_mase) / 2


def standardised_mae(c: Cases) -> FloatArray:
    """Mean |f - y| / sd."""
    return _scaled_mean(c, c.absolute_error, c.sd)


def standardised_mse(c: Cases) -> FloatArray:
    """Mean ((f - y) / sd)^2."""
    return _scaled_mean(c, c.error**2, c.sd**2)


def _scaled_mean(c: Cases, values: FloatArray, scale: FloatArray) -> FloatArray:
    """Mean of values / scale; a scale of the whole case (n, 1) divides once, after the mean."""
    return c.mean(values) / scale[:, 0] if scale.shape[1] == 1 else c.mean(values / scale)


def quantile_loss(c: Cases) -> FloatArray:
    """max(a (y - q), (a - 1) (y - q)), mean over the levels a; (n, H)."""
    loss = np.zeros_like(c.y)
    for i, level in enumerate(c.levels):
        above = c.y - c.quantiles[..., i]
        loss += np.maximum(level * above, (level - 1) * above)
    return loss / len(c.levels)


def pinball(c: Cases) -> FloatArray:
    """Mean quantile loss over levels and steps."""
    return c.mean(quantile_loss(c))


def wql(c: Cases) -> FloatArray:
    """2 sum quantile loss / sum |y|, mean over the levels."""
    return 2 * c.total(quantile_loss(c)) / c.total(c.size)


def crps(c: Cases) -> FloatArray:
    """2 mean quantile loss: the integral of the quantile loss over (0, 1), from the levels that there are."""
    return 2 * pinball(c)


def coverage(c: Cases) -> FloatArray:
    """Share of y inside [lowest quantile, highest quantile]; NaN with fewer than two levels."""
    if len(c.levels) < 2:
        return np.full(len(c.y), np.nan)
    low, high = c.quantiles[..., 0], c.quantiles[..., -1]
    inside = ((low <= c.y) & (c.y <= high)).astype(np.float64)
    return c.mean(np.where(np.isfinite(low + high), inside, np.nan))


def width(c: Cases) -> FloatArray:
    """Mean (highest quantile - lowest quantile); NaN with fewer than two levels."""
    if len(c.levels) < 2:
        return np.full(len(c.y), np.nan)
    return c.mean(c.quantiles[..., -1] - c.quantiles[..., 0])
