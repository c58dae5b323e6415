"""Simple exponential smoothing: a level, nothing else (fpp3, section 8.1)."""

from forecasting.forecasters.baselines._engine import Engine
from forecasting.forecasters.baselines._smoothing import smoothed_forecast
from forecasting.forecasters.protocol import Task
from forecasting.series.arrays import FloatArray


def min_history(task: Task) -> int:  # noqa: ARG001
    """Five observations: level, weight and variance, and two more."""
    return 5


def forecast(y: FloatArray, task: Task, engine: Engine) -> tuple[FloatArray, FloatArray]:
    """Forecast (H,) and normal quantiles (H, Q) of a history (T,); ValueError where it cannot be fitted."""
    return smoothed_forecast(y, "none", task, engine)
