"""The statistical baselines: one file each, file name = name in the config; adding one is a file and a row here.

A file offers `forecast(y (T,), task) -> (y_hat (H,), quantiles (H, Q))`, which raises ValueError with the reason where
there is no forecast, and `min_history(task)`. Files with a leading underscore are shared parts. Nothing here draws
random numbers.
"""

from collections.abc import Callable
from dataclasses import dataclass

from forecasting.errors import InputError, unknown
from forecasting.forecasters.baselines import arima, drift, ets, naive, seasonal_naive, theta
from forecasting.forecasters.protocol import Task
from forecasting.series.arrays import FloatArray


@dataclass(frozen=True)
class Baseline:
    """One baseline; `closed_form` ones need no gap-free history, no cap and no other process."""

    forecast: Callable[[FloatArray, Task], tuple[FloatArray, FloatArray]]
    min_history: Callable[[Task], int]  # observations
    description: str
    quantiles: str  # where they come from
    max_history: int | None = None  # newest periods used unless the settings say otherwise; null: all
    closed_form: bool = False
    seconds: float = 3e-5  # typical per history, measured: what work over processes is planned by


BASELINES: dict[str, Baseline] = {
    "naive": Baseline(
        naive.forecast, naive.min_history, "the last value", "normal, sigma * sqrt(h) of a random walk", None, True
    ),
    "drift": Baseline(
        drift.forecast,
        drift.min_history,
        "the line from the first to the last value",
        "normal, sigma * sqrt(h * (1 + h / (T - 1)))",
        None,
        True,
    ),
    "seasonal_naive": Baseline(
        seasonal_naive.forecast,
        seasonal_naive.min_history,
        "the value one season ago",
        "normal, sigma * sqrt(whole seasons ahead + 1)",
        None,
        True,
    ),
    "ets": Baseline(
        ets.forecast,
        ets.min_history,
        "exponential smoothing, form by AICc; STL before it where the season exceeds 12",
        "analytic variance of the state space model, normal (log-normal where the season is multiplicative)",
        ets.MAX_HISTORY,
        seconds=0.05,
    ),
    "theta": Baseline(
        theta.forecast,
        theta.min_history,
        "the Theta method, deseasonalised where a test finds a season",
        "analytic variance of smoothing with drift, normal",
        theta.MAX_HISTORY,
        seconds=0.006,
    ),
    "arima": Baseline(
        arima.forecast,
        arima.min_history,
        "seasonal ARIMA, orders by KPSS and stepwise AICc; STL before it where the season exceeds 12",
        "state space forecast variance, normal",
        arima.MAX_HISTORY,
        seconds=0.06,
    ),
}


@dataclass(frozen=True)
class BaselineSettings:
    """One baseline of the config; `ets` alone is short for `{kind: ets}`."""

    __pydantic_config__ = {"extra": "forbid"}  # noqa: RUF012 - read by pydantic where the config file is parsed

    kind: str
    name: str = ""  # "": the kind
    max_seconds: float = 30.0  # per series and cutoff, then the fallback serves it
    max_history: int | None = None  # newest periods used; null: as the baseline's row says

    def __post_init__(self) -> None:
        if self.kind not in BASELINES:
            raise unknown("a baseline", self.kind, list(BASELINES), "baselines")
        if not self.max_seconds > 0:
            raise InputError(f"max_seconds must be above 0, got {self.max_seconds}: set baselines.max_seconds")
        if self.max_history is not None and self.max_history < 1:
            raise InputError(f"max_history must be at least 1, got {self.max_history}: set baselines.max_history")
        object.__setattr__(self, "name", self.name or self.kind)
