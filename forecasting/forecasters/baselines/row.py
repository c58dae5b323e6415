"""What a baseline is: a row that says how long a history must be, how it is forecast, and by which libraries.

`forecast(y (T,), task, engine) -> (y_hat (H,), quantiles (H, Q))` raises ValueError with the reason where there is no
forecast; where it is a closed form, `forecast_all(histories, task) -> mean and standard deviation (O, H)`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from forecasting.forecasters.baselines.engine import ENGINES, Engine
from forecasting.forecasters.baselines.histories import Histories
from forecasting.forecasters.protocol import Task
from forecasting.series.arrays.series_arrays import FloatArray

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


def at_least(observations: int) -> Callable[[Task], int]:
    """The `min_history` of a baseline that needs as many whatever the task is."""
    return lambda task: observations  # noqa: ARG005 - every baseline's function takes the task
