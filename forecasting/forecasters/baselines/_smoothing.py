"""One form of exponential smoothing fitted to one series, in the series' own unit: what ses, holt, ets and theta share.

All forms have additive errors, so mean and variance of the forecast are analytic (Hyndman, Koehler, Ord & Snyder 2008,
section 6.3); a multiplicative season is the additive one of log(y).
"""

from dataclasses import dataclass

import numpy as np

from forecasting.forecasters.baselines._engine import Engine, Smoothing, Trend
from forecasting.forecasters.baselines._normal import normal_forecast
from forecasting.forecasters.protocol import Task
from forecasting.series.arrays import FloatArray

# largest over smallest value up to which log(y) is tried: beyond it the exponentials of its quantiles explode
_WIDEST = 50.0


@dataclass(frozen=True)
class Form:
    """Which components there are; `log`: the model is one of log(y)."""

    trend: Trend
    m: int = 1  # season length; 1: no season
    log: bool = False

    @property
    def n_parameters(self) -> int:
        """Smoothing weights, damping, initial states, variance."""
        trend = {"none": 0, "additive": 2, "damped": 3}[self.trend]
        return 3 + trend + (self.m if self.m > 1 else 0)


@dataclass(frozen=True)
class FittedForm:
    """A form fitted to z = (x - loc) / scale, where x is y or log(y)."""

    form: Form
    loc: float
    scale: float
    aicc: float  # of y
    smoothing: Smoothing

    def mean(self, horizon: int) -> FloatArray:
        """Mean of x over the horizon; (H,)."""
        return self.loc + self.scale * self.smoothing.ahead(horizon)

    def sigma(self, horizon: int) -> FloatArray:
        """Standard deviation of x h steps ahead; (H,): sigma^2 * (1 + c_1^2 + ... + c_{h-1}^2)."""
        fit, j = self.smoothing, np.arange(1, horizon)
        c = fit.alpha + fit.beta * np.cumsum(fit.phi**j) + fit.gamma * (j % self.form.m == 0)
        # The variance is one of the parameters, so T - k + 1 degrees of freedom are left to estimate it.
        left = len(fit.errors_T) - self.form.n_parameters + 1
        variance = np.dot(fit.errors_T, fit.errors_T) / left
        return np.asarray(self.scale * np.sqrt(variance * np.concatenate([[1.0], 1.0 + np.cumsum(c**2)])))


def fit_form(y: FloatArray, form: Form, engine: Engine) -> FittedForm | None:
    """One form fitted to y (T,); None where it has too many parameters for T or could not be fitted."""
    T, k = len(y), form.n_parameters
    if k + 2 > T:
        return None
    x = np.log(y) if form.log else y
    loc, scale = float(np.mean(x)), float(np.std(x))
    smoothing = engine.smooth((x - loc) / scale, form.trend, form.m)
    if smoothing is None:
        return None
    # -2 log likelihood of y: Gaussian errors with their variance concentrated out, and the Jacobian of the logarithm
    variance = scale**2 * float(np.mean(smoothing.errors_T**2))
    deviance = T * (np.log(2 * np.pi * variance) + 1) + (2 * float(np.sum(x)) if form.log else 0.0)
    aicc = deviance + 2 * k * T / (T - k - 1)
    return None if np.isnan(aicc) else FittedForm(form, loc, scale, float(aicc), smoothing)


def smoothed_forecast(y: FloatArray, trend: Trend, task: Task, engine: Engine) -> tuple[FloatArray, FloatArray]:
    """Forecast (H,) and normal quantiles (H, Q) of one form without a season; ValueError where it cannot be fitted."""
    fitted = fit_form(y, Form(trend), engine)
    if fitted is None:
        raise ValueError("exponential smoothing could not be fitted")
    return normal_forecast(fitted.mean(task.horizon), fitted.sigma(task.horizon), task)


def automatic_form(y: FloatArray, m: int, engine: Engine) -> FittedForm:
    """The form of the smallest AICc; the season is chosen first, without a trend, then the trend with that season."""
    seasons = [Form("none")]
    if m > 1 and len(y) >= 2 * m + 5:
        seasons += [Form("none", m)] + ([Form("none", m, log=True)] if 0 < y.max() <= _WIDEST * y.min() else [])
    fits = [fit for form in seasons if (fit := fit_form(y, form, engine))]
    if fits:
        best = min(fits, key=lambda fit: fit.aicc).form
        forms = [Form("additive", best.m, best.log), Form("damped", best.m, best.log)]
        fits += [fit for form in forms if (fit := fit_form(y, form, engine))]
    if not fits:
        raise ValueError("no form of exponential smoothing could be fitted")
    return min(fits, key=lambda fit: fit.aicc)


def automatic_forecast(y: FloatArray, m: int, task: Task, engine: Engine) -> tuple[FloatArray, FloatArray]:
    """Forecast (H,) and quantiles (H, Q) of the automatic form, log-normal where it is one of log(y)."""
    best = automatic_form(y, m, engine)
    y_hat, quantiles_HQ = normal_forecast(best.mean(task.horizon), best.sigma(task.horizon), task)
    if best.form.log:
        y_hat, quantiles_HQ = np.exp(y_hat), np.exp(quantiles_HQ)
    if not np.isfinite(quantiles_HQ).all():
        raise ValueError("the model gave a non-finite forecast")
    return y_hat, quantiles_HQ
