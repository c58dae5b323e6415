"""Orders of a seasonal ARIMA by the stepwise search of Hyndman & Khandakar (2008), and its forecast by SARIMAX.

Comes in: a standardised series (T,). D by the strength of the season, d by KPSS tests, (p, q) up to 2 and (P, Q) up to 1
by AICc of quick fits (see `css`); a short series is then fitted by exact maximum likelihood.
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from statsmodels.tsa.statespace.sarimax import SARIMAX
from statsmodels.tsa.stattools import kpss

from forecasting.forecasters.baselines.css import ArmaFit, Orders, arma_model, fit_arma
from forecasting.forecasters.baselines.long_season import seasonal_strength
from forecasting.series.arrays.series_arrays import FloatArray

_MAX_MODELS = 30  # in the search, as a bound; it mostly ends after 8 to 15
_EXACT_UP_TO = 200  # longer series keep the conditional estimate, which differs little there
_STILL = 1e-8  # range of differences of a series of variance 1 below which they are constant up to rounding
_STRONG_SEASON = 0.64  # from which a seasonal difference is taken (fpp3, section 9.1)


def arima(x: FloatArray, m: int, horizon: int) -> tuple[FloatArray, FloatArray]:
    """Mean and standard deviation (H,) of a series (T,) of mean 0 and variance 1; ValueError where no orders fit."""
    seasonal = m > 1 and len(x) >= 2 * m + 5
    D = int(seasonal and seasonal_strength(x, m) > _STRONG_SEASON)
    w = x[m:] - x[:-m] if D else x
    d = _n_differences(w, 1 if D else 2)
    w = np.diff(w, d)
    if np.ptp(w) <= _STILL:
        return _deterministic(x, w, m if D else 0, d, horizon)
    best = _search(w, m, seasonal, d + D < 2)
    if best is None:
        raise ValueError("no orders of an ARIMA could be fitted")
    o = best.orders
    season = (o.P, D, o.Q, m) if D + o.P + o.Q else (0, 0, 0, 0)
    model = SARIMAX(x, order=(o.p, d, o.q), seasonal_order=season, trend="c" if o.mean else None)
    ahead = model.filter(_exact(w, best, m), cov_type="none").get_forecast(horizon)
    # The likelihood's variance divides by n; n less the number of coefficients keeps short series honest.
    inflation = np.sqrt(len(w) / (len(w) - o.n_parameters + 1))
    return np.asarray(ahead.predicted_mean), np.asarray(ahead.se_mean) * inflation


def _n_differences(w: FloatArray, most: int) -> int:
    """Differences until the KPSS test no longer rejects a level at 5 %; (Kwiatkowski et al. 1992)."""
    for d in range(most):
        x = np.diff(w, d)
        if len(x) < 6 or np.ptp(x) <= _STILL:
            return d
        test = kpss(x, regression="c", nlags=int(3 * np.sqrt(len(x)) / 13), result_object=True)
        if test.statistic < test.critical_values["5%"]:
            return d
    return most


def _search(w: FloatArray, m: int, seasonal: bool, may_have_mean: bool) -> ArmaFit | None:
    """The best orders by AICc: from a few starts, steps to neighbours for as long as one is better."""
    s = int(seasonal)
    starts = [Orders(2, 2, s, s, may_have_mean), Orders(0, 0, 0, 0, may_have_mean), Orders(0, 0, 0, 0, False)]
    starts += [Orders(1, 0, s, 0, may_have_mean), Orders(0, 1, 0, s, may_have_mean)]
    tried = set(starts)
    best = min((fit for o in starts if (fit := fit_arma(w, o, m))), key=lambda fit: fit.aicc, default=None)
    improved = best is not None
    while best is not None and improved:
        improved = False
        for orders in _neighbours(best.orders, s, may_have_mean):
            if orders in tried or len(tried) >= _MAX_MODELS:
                continue
            tried.add(orders)
            fit = fit_arma(w, orders, m)
            if fit is not None and fit.aicc < best.aicc:
                best, improved = fit, True
                break
    return best


def _neighbours(o: Orders, s: int, may_have_mean: bool) -> Iterator[Orders]:
    """Orders one step away, seasonal ones first."""
    steps = [(dp, dq) for dp in (-1, 0, 1) for dq in (-1, 0, 1) if dp or dq]
    for dP, dQ in steps:
        if 0 <= o.P + dP <= s and 0 <= o.Q + dQ <= s:
            yield replace(o, P=o.P + dP, Q=o.Q + dQ)
    for dp, dq in steps:
        if 0 <= o.p + dp <= 2 and 0 <= o.q + dq <= 2:
            yield replace(o, p=o.p + dp, q=o.q + dq)
    if may_have_mean:
        yield replace(o, mean=not o.mean)


def _exact(w: FloatArray, fit: ArmaFit, m: int) -> FloatArray:
    """Parameters by exact maximum likelihood where the series is short, else as they are."""
    if len(w) > _EXACT_UP_TO or len(fit.params) == 1:
        return fit.params
    model = arma_model(w, fit.orders, m, "c" if fit.orders.mean else None)
    refined = model.fit(start_params=fit.params, disp=False, maxiter=30, cov_type="none")
    return np.asarray(refined.params) if refined.llf >= model.loglike(fit.params) else fit.params


def _deterministic(x: FloatArray, w: FloatArray, m: int, d: int, horizon: int) -> tuple[FloatArray, FloatArray]:
    """A series whose differences are constant goes on as it is, without spread: a line, a parabola, a pure season."""
    path = x
    for _ in range(horizon):
        # (1 - B)^d (1 - B^m) y = w, solved for the newest value
        polynomial = np.array([1.0])
        for _ in range(d):
            polynomial = np.convolve(polynomial, [1.0, -1.0])
        if m:
            polynomial = np.convolve(polynomial, np.r_[1.0, np.zeros(m - 1), -1.0])
        newest = w[-1] - np.dot(polynomial[1:], path[: -len(polynomial) : -1]) if len(polynomial) > 1 else w[-1]
        path = np.append(path, newest)
    return path[len(x) :], np.zeros(horizon)
