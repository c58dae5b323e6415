"""The statistical baselines by their name in the config: the rows of every family, one below the other.

A family is a file: its formulas, and a row for each baseline in it; adding a baseline is a row there. Nothing here draws
random numbers. What all histories must pass first is checked in one place: `forecast_history`.
"""

import warnings

import numpy as np

from forecasting.forecasters.baselines.arima import ARIMA
from forecasting.forecasters.baselines.combination import COMBINATION, median
from forecasting.forecasters.baselines.engine import engine_of
from forecasting.forecasters.baselines.histories import single
from forecasting.forecasters.baselines.intermittent import INTERMITTENT
from forecasting.forecasters.baselines.naive import NAIVE
from forecasting.forecasters.baselines.normal import constant_forecast, is_constant, normal_forecast
from forecasting.forecasters.baselines.row import Answer, Baseline
from forecasting.forecasters.baselines.smoothing import SMOOTHING
from forecasting.forecasters.baselines.theta import THETA
from forecasting.forecasters.protocol import Task
from forecasting.series.arrays.series_arrays import FloatArray

BASELINES: dict[str, Baseline] = NAIVE | SMOOTHING | THETA | ARIMA | INTERMITTENT | COMBINATION


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
            return median([a for a, _ in answers]), median([q for _, q in answers])
        assert row.forecast is not None
        return row.forecast(y, task, engine_of(engine or row.default_engine))


def load_engines(kind: str, engine: str | None = None) -> None:
    """Import what `forecast_history` would import on its first call."""
    for part in BASELINES[kind].members or (kind,):
        if BASELINES[part].engines:
            engine_of(engine or BASELINES[part].default_engine)
