"""The statistical baselines: one file each, file name = name in the config; adding one is a file and a row here.

A file offers `min_history(task)` and either `forecast(y (T,), task, engine) -> (y_hat (H,), quantiles (H, Q))`, which
raises ValueError with the reason where there is no forecast, or, where it is a closed form, `forecast_all(histories,
task) -> mean and standard deviation (O, H)`. Files with a leading underscore are shared parts. Nothing here draws random
numbers. What all histories must pass first is checked in one place: `forecast_history`.
"""

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from forecasting.errors import InputError, unknown
from forecasting.forecasters.baselines import (
    arima,
    comb,
    combination,
    croston,
    damped_holt,
    drift,
    ets,
    holt,
    naive,
    naive2,
    sba,
    seasonal_naive,
    ses,
    stl_ets,
    theta,
    tsb,
    window_average,
)
from forecasting.forecasters.baselines._engine import ENGINES, Engine, EngineName, engine_of
from forecasting.forecasters.baselines._histories import Histories, single
from forecasting.forecasters.baselines._normal import constant_forecast, is_constant, normal_forecast
from forecasting.forecasters.protocol import Task
from forecasting.series.arrays import FloatArray

Answer = tuple[FloatArray, FloatArray]

_OWN_SECONDS = 3e-4  # per history, of baselines that need no library


@dataclass(frozen=True)
class Baseline:
    """One baseline: `forecast` fits one history, `forecast_all` is the closed form of many, `members` are combined."""

    min_history: Callable[[Task], int]  # observations
    description: str
    quantiles: str  # what they are
    quantiles_from: Literal["model", "residuals"] = "model"  # residuals: y_hat is a mean, and need not be the median
    forecast: Callable[[FloatArray, Task, Engine], Answer] | None = None
    forecast_all: Callable[[Histories, Task], Answer] | None = None
    # Libraries that can fit it, the default first, and seconds per history of about 150 periods; none: its own sums. The
    # default is statsmodels where a trend is fitted (on configs/fertility.yaml ets has a MASE of 1.02, with statsforecast
    # 1.62), else the quicker one.
    engines: Mapping[str, float] = field(default_factory=dict)
    members: tuple[str, ...] = ()  # the baselines whose forecasts it is the median of
    max_history: int | None = None  # newest periods used unless the settings say otherwise; null: all

    @property
    def closed_form(self) -> bool:
        """Whether a history costs no search: its own sums, no library."""
        return not self.engines

    @property
    def default_engine(self) -> str:
        """The engine of settings that name none."""
        return next(iter(self.engines), ENGINES[0])

    def seconds(self, engine: str | None) -> float:
        """Typical seconds per history: what work over processes is planned by."""
        return self.engines.get(engine or self.default_engine, _OWN_SECONDS)


BASELINES: dict[str, Baseline] = {
    "naive": Baseline(
        naive.min_history,
        "the last value",
        "normal, sigma * sqrt(h) of a random walk",
        forecast_all=naive.forecast_all,
    ),
    "drift": Baseline(
        drift.min_history,
        "the line from the first to the last value",
        "normal, sigma * sqrt(h * (1 + h / (T - 1)))",
        forecast_all=drift.forecast_all,
    ),
    "seasonal_naive": Baseline(
        seasonal_naive.min_history,
        "the value one season ago",
        "normal, sigma * sqrt(whole seasons ahead + 1)",
        forecast_all=seasonal_naive.forecast_all,
    ),
    "window_average": Baseline(
        window_average.min_history,
        "the average of the last season",
        "normal, root mean square of the in-sample errors at each step",
        "residuals",
        forecast_all=window_average.forecast_all,
        max_history=window_average.MAX_HISTORY,
    ),
    "naive2": Baseline(
        naive2.min_history,
        "the last value of the deseasonalised series, as in the M-competitions",
        "normal, sigma * sqrt(h) of a random walk, times the seasonal index",
        forecast=naive2.forecast,
    ),
    "ses": Baseline(
        ses.min_history,
        "simple exponential smoothing",
        "analytic variance of the state space model, normal",
        forecast=ses.forecast,
        engines={"statsforecast": 0.0005, "statsmodels": 0.005},
        max_history=ets.MAX_HISTORY,
    ),
    "holt": Baseline(
        holt.min_history,
        "exponential smoothing with a linear trend",
        "analytic variance of the state space model, normal",
        forecast=holt.forecast,
        engines={"statsmodels": 0.01, "statsforecast": 0.001},
        max_history=ets.MAX_HISTORY,
    ),
    "damped_holt": Baseline(
        damped_holt.min_history,
        "exponential smoothing with a damped trend",
        "analytic variance of the state space model, normal",
        forecast=damped_holt.forecast,
        engines={"statsmodels": 0.01, "statsforecast": 0.002},
        max_history=ets.MAX_HISTORY,
    ),
    "comb": Baseline(
        comb.min_history,
        "average of ses, holt and damped_holt, deseasonalised, as in the M-competitions",
        "averages of those of the three models, normal",
        forecast=comb.forecast,
        engines={"statsmodels": 0.025, "statsforecast": 0.004},
        max_history=ets.MAX_HISTORY,
    ),
    "ets": Baseline(
        ets.min_history,
        "exponential smoothing, form by AICc; STL before it where the season exceeds 12",
        "analytic variance of the state space model, normal (log-normal where the season is multiplicative)",
        forecast=ets.forecast,
        engines={"statsmodels": 0.15, "statsforecast": 0.035},
        max_history=ets.MAX_HISTORY,
    ),
    "stl_ets": Baseline(
        stl_ets.min_history,
        "STL, then exponential smoothing of the adjusted series, form by AICc",
        "analytic variance of the state space model, normal",
        forecast=stl_ets.forecast,
        engines={"statsmodels": 0.03, "statsforecast": 0.009},
        max_history=ets.MAX_HISTORY,
    ),
    "theta": Baseline(
        theta.min_history,
        "the Theta method, deseasonalised where a test finds a season",
        "analytic variance of smoothing with drift, normal, times the seasonal index",
        forecast=theta.forecast,
        engines={"statsforecast": 0.0006, "statsmodels": 0.005},
        max_history=theta.MAX_HISTORY,
    ),
    "arima": Baseline(
        arima.min_history,
        "seasonal ARIMA, automatic orders; STL before it where the season exceeds 12",
        "state space forecast variance, normal",
        forecast=arima.forecast,
        engines={"statsmodels": 0.06, "statsforecast": 0.5},
        max_history=arima.MAX_HISTORY,
    ),
    "croston": Baseline(
        croston.min_history,
        "Croston's method for intermittent demand",
        "empirical, of the in-sample errors",
        "residuals",
        forecast=croston.forecast,
    ),
    "sba": Baseline(
        sba.min_history,
        "Croston's method less its bias (Syntetos & Boylan)",
        "empirical, of the in-sample errors",
        "residuals",
        forecast=sba.forecast,
    ),
    "tsb": Baseline(
        tsb.min_history,
        "Teunter, Syntetos & Babai: intermittent demand that may die out",
        "empirical, of the in-sample errors",
        "residuals",
        forecast=tsb.forecast,
    ),
    "combination": Baseline(
        combination.min_history,
        "median of ets, theta and arima; uses their results where they are there",
        "medians of those of the three models",
        engines=dict.fromkeys(ENGINES, 0.0),
        members=combination.MEMBERS,
    ),
}


def forecast_history(kind: str, y: FloatArray, task: Task, engine: str | None = None) -> Answer:
    """Forecast (H,) and quantiles (H, Q) of one history (T,); ValueError with the reason where there is none.

    A history that never moves stays what it is, with intervals of width 0, whatever the baseline.
    """
    row = BASELINES[kind]
    if not np.isfinite(y).all():  # libraries would answer gaps with NaN in silence
        raise ValueError("needs a history without gaps: set data.quality.fill")
    if len(y) < row.min_history(task):
        raise ValueError(f"needs at least {row.min_history(task)} observations, got {len(y)}")
    if is_constant(y):
        return constant_forecast(y, task)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        if row.forecast_all is not None:
            mean_OH, sigma_OH = row.forecast_all(single(y), task)
            return normal_forecast(mean_OH[0], sigma_OH[0], task)
        if row.members:
            longest = [BASELINES[member].max_history or 0 for member in row.members]  # 0: all
            answers = [
                forecast_history(member, y[-n:], task, engine) for member, n in zip(row.members, longest, strict=True)
            ]
            return combination.median([a for a, _ in answers]), combination.median([q for _, q in answers])
        assert row.forecast is not None
        return row.forecast(y, task, engine_of(engine or row.default_engine))


def load_engines(kind: str, engine: str | None = None) -> None:
    """Import what `forecast_history` would import on its first call."""
    for part in BASELINES[kind].members or (kind,):
        if BASELINES[part].engines:
            engine_of(engine or BASELINES[part].default_engine)


@dataclass(frozen=True)
class BaselineSettings:
    """One baseline of the config; `ets` alone is short for `{kind: ets}`."""

    __pydantic_config__ = {"extra": "forbid"}  # noqa: RUF012 - read by pydantic where the config file is parsed

    kind: str
    """Which baseline; `forecast forecasters` lists them. Example: ets"""
    name: str = ""
    """Name in leaderboard and runs, unique; empty: the kind. Example: ets_short"""
    engine: EngineName | None = None
    """The library that fits: statsmodels or statsforecast. Null: the first that the baseline's row names. Example:
    statsforecast
    """
    max_seconds: float = 30.0
    """Seconds of computing per series and cutoff; what takes longer is served by the fallback. Example: 10"""
    max_history: int | None = None
    """Newest periods used. Null: as many as the baseline bears: 500 of arima and window_average, 1,000 of exponential
    smoothing, 2,000 of theta, else all. Example: 365
    """

    def __post_init__(self) -> None:
        if self.kind not in BASELINES:
            raise unknown("a baseline", self.kind, list(BASELINES), "baselines")
        engines = BASELINES[self.kind].engines
        if self.engine is not None and self.engine not in engines:
            if not engines:
                raise InputError(f"{self.kind} has one engine, its own, got {self.engine!r}: leave engine out")
            raise unknown(f"the engine of {self.kind}", self.engine, list(engines), "baselines.engine")
        if not self.max_seconds > 0:
            raise InputError(f"max_seconds must be above 0, got {self.max_seconds}: set baselines.max_seconds")
        if self.max_history is not None and self.max_history < 1:
            raise InputError(f"max_history must be at least 1, got {self.max_history}: set baselines.max_history")
        object.__setattr__(self, "name", self.name or self.kind)
