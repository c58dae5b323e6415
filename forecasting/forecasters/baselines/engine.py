"""The libraries that fit: one module each behind the same two functions, so that a baseline is one recipe for all.

`smooth` fits one additive form of exponential smoothing, `arima` finds orders and forecasts. Both bound their work by
iterations, never by a clock, so that a fit is the same on a busy machine.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Literal, Protocol, cast, get_args

from forecasting.series.arrays.series_arrays import FloatArray

EngineName = Literal["statsmodels", "statsforecast"]
ENGINES: tuple[str, ...] = get_args(EngineName)
_MODULES = {
    "statsmodels": "forecasting.forecasters.baselines.engine_statsmodels",
    "statsforecast": "forecasting.forecasters.baselines.engine_statsforecast",
}
Trend = Literal["none", "additive", "damped"]


@dataclass(frozen=True)
class Smoothing:
    """A fitted form: weights of level, trend and season, the damping, one-step errors (T,), and its forecast."""

    alpha: float
    beta: float  # 0 without a trend
    gamma: float  # 0 without a season
    phi: float  # 1 where the trend is not damped
    errors_T: FloatArray
    ahead: Callable[[int], FloatArray]  # horizon -> (H,)


class Engine(Protocol):
    """What a library offers; series come standardised, gap-free and not constant."""

    def smooth(self, x: FloatArray, trend: Trend, m: int) -> Smoothing | None:
        """Maximum likelihood of one additive form, season of m steps (1: none); None where it could not be fitted."""
        ...

    def arima(self, x: FloatArray, m: int, horizon: int) -> tuple[FloatArray, FloatArray]:
        """Automatic orders; mean and standard deviation (H,). ValueError where no orders fit."""
        ...


@cache
def engine_of(name: str) -> Engine:
    """The engine's module, imported when it is first asked for: a library that nobody uses costs no start-up."""
    return cast(Engine, import_module(_MODULES[name]))
