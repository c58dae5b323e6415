"""Exponential smoothing, form by AICc: trend none, additive or damped; season none, additive or multiplicative.

The multiplicative season is the additive model of log(y), tried where all values are positive: its AICc is corrected
by the Jacobian, its quantiles are exponentials of normal ones. Seasons longer than 12 are taken out by STL first.
"""

from functools import partial

from forecasting.forecasters.baselines._engine import Engine
from forecasting.forecasters.baselines._seasonal import around_long_season
from forecasting.forecasters.baselines._smoothing import automatic_forecast
from forecasting.forecasters.protocol import Task
from forecasting.series.arrays import FloatArray

MAX_HISTORY = 1000  # newest observations used: bounds the seconds of a fit
LONGEST_SEASON = 12  # a longer one goes through STL: at 24 that was 30 times faster than a state per phase, and better


def min_history(task: Task) -> int:  # noqa: ARG001
    """Eight observations: the damped trend has six parameters, and AICc needs two observations more."""
    return 8


def forecast(y: FloatArray, task: Task, engine: Engine) -> tuple[FloatArray, FloatArray]:
    """Forecast (H,) and quantiles (H, Q) of a history (T,); y_hat is the median. ValueError if no form fits."""
    return around_long_season(y, task, LONGEST_SEASON, partial(automatic_forecast, task=task, engine=engine))
