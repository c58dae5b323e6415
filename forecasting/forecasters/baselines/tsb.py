"""Teunter, Syntetos & Babai (2011) for intermittent demand that may die out: size times probability of demand."""

from forecasting.forecasters.baselines._engine import Engine
from forecasting.forecasters.baselines._intermittent import flat_forecast, tsb_rates
from forecasting.forecasters.protocol import Task
from forecasting.series.arrays import FloatArray


def min_history(task: Task) -> int:  # noqa: ARG001
    """Two observations: one error, from which the spread is known."""
    return 2


def forecast(y: FloatArray, task: Task, engine: Engine) -> tuple[FloatArray, FloatArray]:  # noqa: ARG001
    """Forecast (H,), a mean, and quantiles (H, Q) of a history (T,) that is not all zero."""
    return flat_forecast(y, tsb_rates(y), task)
