"""Exponential smoothing, fitted to one series in its own unit: one form (fpp3, chapter 8), the best form, or a season taken
out before.

All forms have additive errors, so mean and variance of the forecast are analytic (Hyndman, Koehler, Ord & Snyder 2008,
section 6.3); a multiplicative season is the additive one of log(y), tried where all values are positive: its AICc is
corrected by the Jacobian, its quantiles are exponentials of normal ones.
"""

from dataclasses import dataclass
from functools import partial

import numpy as np

from forecasting.forecasters.baselines.decomposition import deseasonalise
from forecasting.forecasters.baselines.engine import Engine, Smoothing, Trend
from forecasting.forecasters.baselines.long_season import around_long_season
from forecasting.forecasters.baselines.normal import is_constant, normal_forecast
from forecasting.forecasters.baselines.row import Baseline, at_least
from forecasting.forecasters.protocol import Task
from forecasting.series.arrays.series_arrays import FloatArray

_MOST_PERIODS = 1000  # newest observations used: bounds the seconds of a fit
_LONGEST_SEASON = 12  # a longer one goes through STL: at 24 that was 30 times faster than a state per phase, and better
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


def ses(y: FloatArray, task: Task, engine: Engine) -> tuple[FloatArray, FloatArray]:
    """Simple exponential smoothing: a level, nothing else (fpp3, section 8.1)."""
    return smoothed_forecast(y, "none", task, engine)


def holt(y: FloatArray, task: Task, engine: Engine) -> tuple[FloatArray, FloatArray]:
    """Holt's linear trend: level and slope, both smoothed (fpp3, section 8.2)."""
    return smoothed_forecast(y, "additive", task, engine)


def damped_holt(y: FloatArray, task: Task, engine: Engine) -> tuple[FloatArray, FloatArray]:
    """Holt's trend, damped so that it levels off (Gardner & McKenzie 1985; fpp3, section 8.2)."""
    return smoothed_forecast(y, "damped", task, engine)


def comb(y: FloatArray, task: Task, engine: Engine) -> tuple[FloatArray, FloatArray]:
    """Comb of the M-competitions: the average of the three forms above, of the deseasonalised series.

    (Makridakis & Hibon 2000; Makridakis, Spiliotis & Assimakopoulos 2020). ValueError where one cannot be fitted.
    """
    adjusted_T, season = deseasonalise(y, task.season_length)
    if is_constant(adjusted_T, y):
        line = normal_forecast(np.full(task.horizon, adjusted_T[-1]), np.zeros(task.horizon), task)
        return season.restore(line[0]), season.restore(line[1])
    three = [smoothed_forecast(adjusted_T, trend, task, engine) for trend in ("none", "additive", "damped")]
    y_hat = sum(point for point, _ in three) / 3
    quantiles_HQ = sum(quantiles for _, quantiles in three) / 3
    return season.restore(np.asarray(y_hat)), season.restore(np.asarray(quantiles_HQ))


def ets(y: FloatArray, task: Task, engine: Engine) -> tuple[FloatArray, FloatArray]:
    """The form of the best AICc; y_hat is the median. A season longer than 12 is taken out by STL first."""
    return around_long_season(y, task, _LONGEST_SEASON, partial(automatic_forecast, task=task, engine=engine))


def stl_ets(y: FloatArray, task: Task, engine: Engine) -> tuple[FloatArray, FloatArray]:
    """STL, then the form of the best AICc without a season; the last season is put back (`stlf`, fpp3 5.7)."""
    return around_long_season(y, task, 1, lambda x, _: automatic_forecast(x, 1, task, engine))


_NORMAL = "analytic variance of the state space model, normal"
SMOOTHING: dict[str, Baseline] = {
    "ses": Baseline(
        at_least(5),  # level, weight and variance, and two more
        "simple exponential smoothing",
        _NORMAL,
        forecast=ses,
        engines={"statsforecast": 0.0005, "statsmodels": 0.005},
        max_history=_MOST_PERIODS,
    ),
    "holt": Baseline(
        at_least(7),  # two weights, two initial states, variance, and two more
        "exponential smoothing with a linear trend",
        _NORMAL,
        forecast=holt,
        engines={"statsmodels": 0.01, "statsforecast": 0.001},
        max_history=_MOST_PERIODS,
    ),
    "damped_holt": Baseline(
        at_least(8),  # three weights, two initial states, variance, and two more
        "exponential smoothing with a damped trend",
        _NORMAL,
        forecast=damped_holt,
        engines={"statsmodels": 0.01, "statsforecast": 0.002},
        max_history=_MOST_PERIODS,
    ),
    "comb": Baseline(
        at_least(8),  # as the damped trend needs
        "average of ses, holt and damped_holt, deseasonalised, as in the M-competitions",
        "averages of those of the three models, normal",
        forecast=comb,
        engines={"statsmodels": 0.025, "statsforecast": 0.004},
        max_history=_MOST_PERIODS,
    ),
    "ets": Baseline(
        at_least(8),  # the damped trend has six parameters, and AICc needs two observations more
        "exponential smoothing, form by AICc; STL before it where the season exceeds 12",
        "analytic variance of the state space model, normal (log-normal where the season is multiplicative)",
        forecast=ets,
        engines={"statsmodels": 0.15, "statsforecast": 0.035},
        max_history=_MOST_PERIODS,
    ),
    "stl_ets": Baseline(
        at_least(8),  # as ets; a season that was not seen twice stays in
        "STL, then exponential smoothing of the adjusted series, form by AICc",
        _NORMAL,
        forecast=stl_ets,
        engines={"statsmodels": 0.03, "statsforecast": 0.009},
        max_history=_MOST_PERIODS,
    ),
}
