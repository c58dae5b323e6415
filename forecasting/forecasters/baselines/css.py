"""One seasonal ARMA fitted to a stationary series by its conditional sum of squares: quick enough to search orders.

Comes in: the differenced series w (T,). Goes out: parameters as SARIMAX orders them, and the AICc of the exact
likelihood at these parameters (one pass of the Kalman filter), so that orders are compared on the same observations.
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import leastsq
from scipy.signal import lfilter
from statsmodels.tsa.statespace.sarimax import SARIMAX

from forecasting.series.arrays.series_arrays import FloatArray

_UNIT_ROOT = 1.001  # smallest modulus of a root that still counts as stationary and invertible
_EVALUATIONS = 60  # of the residuals, per parameter: bounds the seconds of a fit


@dataclass(frozen=True)
class Orders:
    """Autoregressive p and P, moving average q and Q (capitals: seasonal), and whether w has a mean."""

    p: int
    q: int
    P: int
    Q: int
    mean: bool

    @property
    def n_parameters(self) -> int:
        """With the variance."""
        return self.p + self.q + self.P + self.Q + self.mean + 1


@dataclass(frozen=True)
class ArmaFit:
    """`params`: intercept (where there is a mean), ar, ma, seasonal ar, seasonal ma, variance."""

    orders: Orders
    params: FloatArray
    aicc: float


def fit_arma(w: FloatArray, orders: Orders, m: int) -> ArmaFit | None:
    """The fit of one choice of orders with season m; None where w is too short or a root lies on the unit circle."""
    T, k = len(w), orders.n_parameters
    skip = orders.p + m * orders.P
    if T - skip < k + 3 or T - k - 1 < 1:
        return None
    start = np.concatenate(
        [[np.mean(w)] * orders.mean, [0.2] * orders.p, [0.1] * orders.q, [0.2] * orders.P, [0.1] * orders.Q]
    )
    if len(start):
        start, _ = leastsq(_errors, start, args=(w, orders, m, skip), maxfev=_EVALUATIONS * len(start))
    mean, ar, ma, seasonal_ar, seasonal_ma = _parts(start, orders)
    for part, sign in ((ar, -1), (ma, 1), (seasonal_ar, -1), (seasonal_ma, 1)):
        if len(part) and np.abs(np.roots(np.r_[sign * part[::-1], 1.0])).min() < _UNIT_ROOT:
            return None
    errors = _errors(start, w, orders, m, skip)
    variance = float(np.dot(errors, errors) / len(errors))
    coefficients = np.concatenate([ar, ma, seasonal_ar, seasonal_ma])
    aicc = -2 * _likelihood(w - mean, orders, m, coefficients, variance) + 2 * k * T / (T - k - 1)
    intercept = [mean * (1 - ar.sum()) * (1 - seasonal_ar.sum())] * orders.mean
    return ArmaFit(orders, np.concatenate([intercept, coefficients, [variance]]), aicc) if np.isfinite(aicc) else None


def arma_model(w: FloatArray, orders: Orders, m: int, trend: str | None) -> SARIMAX:
    """The same model in state space form."""
    seasonal = (orders.P, 0, orders.Q, m) if orders.P + orders.Q else (0, 0, 0, 0)
    return SARIMAX(w, order=(orders.p, 0, orders.q), seasonal_order=seasonal, trend=trend)


def _parts(x: FloatArray, orders: Orders) -> tuple[float, FloatArray, FloatArray, FloatArray, FloatArray]:
    """Mean and the four groups of coefficients from unbounded values, each group stationary or invertible."""
    first = int(orders.mean)
    ends = (first + orders.p, first + orders.p + orders.q, first + orders.p + orders.q + orders.P)
    ar, ma, seasonal_ar, seasonal_ma = x[first : ends[0]], x[ends[0] : ends[1]], x[ends[1] : ends[2]], x[ends[2] :]
    return float(x[0]) if first else 0.0, _bounded(ar), -_bounded(ma), _bounded(seasonal_ar), -_bounded(seasonal_ma)


def _bounded(x: FloatArray) -> FloatArray:
    """Stationary coefficients of up to two lags from unbounded values, by partial autocorrelations (Monahan 1984)."""
    r = x / np.sqrt(1 + x * x)
    return np.array([r[0] * (1 - r[1]), r[1]]) if len(r) == 2 else r


def _errors(x: FloatArray, w: FloatArray, orders: Orders, m: int, skip: int) -> FloatArray:
    """One-step errors (T - skip,), zero before the sample: ar(B) ar_m(B^m) (w - mean) = ma(B) ma_m(B^m) e."""
    mean, ar, ma, seasonal_ar, seasonal_ma = _parts(x, orders)
    return np.asarray(lfilter(_polynomial(-ar, -seasonal_ar, m), _polynomial(ma, seasonal_ma, m), w - mean))[skip:]


def _polynomial(near: FloatArray, seasonal: FloatArray, m: int) -> FloatArray:
    """(1 + near_1 B + ...)(1 + seasonal_1 B^m) as coefficients of B^0, B^1, ..."""
    product = np.zeros(1 + len(near) + m * len(seasonal))
    product[0] = 1.0
    product[1 : 1 + len(near)] = near
    if len(seasonal):
        product[m : m + 1 + len(near)] += seasonal[0] * product[: 1 + len(near)]
    return product


def _likelihood(x: FloatArray, orders: Orders, m: int, coefficients: FloatArray, variance: float) -> float:
    """Exact Gaussian log likelihood of the mean-free series."""
    if not len(coefficients):
        return float(-0.5 * (len(x) * np.log(2 * np.pi * variance) + np.dot(x, x) / variance))
    return float(arma_model(x, orders, m, None).loglike(np.append(coefficients, variance)))
