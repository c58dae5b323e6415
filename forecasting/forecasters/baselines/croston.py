"""Croston's method (1972) for intermittent demand: smoothed size over smoothed interval, constant over the horizon."""

from forecasting.forecasters.baselines._engine import Engine
from forecasting.forecasters.baselines._intermittent import croston_rates, flat_forecast
from forecasting.forecasters.protocol import Task
from forecasting.series.arrays import FloatArray


def min_history(task: Task) -> int:  # noqa: ARG001
    """Two observations: one error, from which the spread is known."""
    return 2


def forecast(y: FloatArray, task: Task, engine: Engine) -> tuple[FloatArray, FloatArray]:  # noqa: ARG001
    """Forecast (H,), a mean, and quantiles (H, Q) of a history (T,) that is not all zero."""
    return flat_forecast(y, croston_rates(y), task)
