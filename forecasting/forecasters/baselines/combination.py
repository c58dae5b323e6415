"""The median of ets, theta and arima, point by point and quantile by quantile; needs all three."""

from collections.abc import Sequence

import numpy as np

from forecasting.forecasters.baselines.arima import ARIMA
from forecasting.forecasters.baselines.engine import ENGINES
from forecasting.forecasters.baselines.row import Baseline
from forecasting.forecasters.baselines.smoothing import SMOOTHING
from forecasting.forecasters.baselines.theta import THETA
from forecasting.forecasters.protocol import Task
from forecasting.series.arrays.series_arrays import FloatArray

_MEMBERS = {name: (SMOOTHING | THETA | ARIMA)[name] for name in ("ets", "theta", "arima")}


def median(answers: Sequence[FloatArray]) -> FloatArray:
    """The median over models of arrays of one shape; ascending quantiles stay so."""
    return np.asarray(np.median(np.stack(answers), axis=0))


def _most_demanding(task: Task) -> int:
    return max(row.min_history(task) for row in _MEMBERS.values())


COMBINATION: dict[str, Baseline] = {
    "combination": Baseline(
        _most_demanding,
        "median of ets, theta and arima; uses their results where they are there",
        "medians of those of the three models",
        engines=dict.fromkeys(ENGINES, 0.0),
        members=tuple(_MEMBERS),
    ),
}
