"""STL, then exponential smoothing of the adjusted series, form by AICc; the last season is put back (`stlf`, fpp3 5.7)."""

from functools import partial

from forecasting.forecasters.baselines._engine import Engine
from forecasting.forecasters.baselines._seasonal import around_long_season
from forecasting.forecasters.baselines._smoothing import automatic_forecast
from forecasting.forecasters.protocol import Task
from forecasting.series.arrays import FloatArray


def min_history(task: Task) -> int:  # noqa: ARG001
    """Eight observations, as for `ets`; a season that was not seen twice stays in."""
    return 8


def forecast(y: FloatArray, task: Task, engine: Engine) -> tuple[FloatArray, FloatArray]:
    """Forecast (H,) and normal quantiles (H, Q) of a history (T,); ValueError if no form fits."""
    return around_long_season(y, task, 1, partial(_forecast, task=task, engine=engine))


def _forecast(x: FloatArray, m: int, task: Task, engine: Engine) -> tuple[FloatArray, FloatArray]:  # noqa: ARG001
    return automatic_forecast(x, 1, task, engine)
