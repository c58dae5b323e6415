"""Holt's trend, damped so that it levels off (Gardner & McKenzie 1985; fpp3, section 8.2)."""

from forecasting.forecasters.baselines._engine import Engine
from forecasting.forecasters.baselines._smoothing import smoothed_forecast
from forecasting.forecasters.protocol import Task
from forecasting.series.arrays import FloatArray


def min_history(task: Task) -> int:  # noqa: ARG001
    """Eight observations: three weights, two initial states, variance, and two more."""
    return 8


def forecast(y: FloatArray, task: Task, engine: Engine) -> tuple[FloatArray, FloatArray]:
    """Forecast (H,) and normal quantiles (H, Q) of a history (T,); ValueError where it cannot be fitted."""
    return smoothed_forecast(y, "damped", task, engine)
