"""Backtest: one forecaster from every origin; what it cannot serve is served by the fallback, named in its rows.

Comes in: a fitted forecaster, the arrays, the origins. Goes out: rows of the BacktestTable, and the seconds it took.
"""

import time

import polars as pl

from forecasting.evaluation.scoring import score
from forecasting.forecasters.fallback import forecast_with_fallback
from forecasting.forecasters.protocol import Forecaster, no_progress, to_frame
from forecasting.processes import Progress
from forecasting.schema import CUTOFF, DS, UNIQUE_ID, BacktestTable, check
from forecasting.series.arrays.series_arrays import Origins, SeriesArrays


def backtest(
    forecaster: Forecaster,
    fallback_kind: str,
    arrays: SeriesArrays,
    origins: Origins,
    run_id: str,
    on_progress: Progress,
) -> tuple[pl.DataFrame, float]:
    """All forecasts as rows of the BacktestTable, sorted by (unique_id, cutoff, ds); and the seconds to forecast.

    A baseline counts computing, in all processes and also of forecasts that it remembers, so its cost does not depend
    on what ran before.
    """
    started = time.perf_counter()
    forecast = forecast_with_fallback(forecaster, fallback_kind, arrays, origins, on_progress)
    seconds = time.perf_counter() - started if forecast.seconds is None else forecast.seconds
    rows = to_frame(forecast, arrays, origins, forecaster.task)
    frame = rows.select(pl.lit(run_id).alias("run_id"), pl.lit(forecaster.name).alias("model"), pl.all())
    return check(BacktestTable, frame, ["run_id", "model", UNIQUE_ID, CUTOFF, DS]), seconds


def inner_score(forecaster: Forecaster, fallback: str, arrays: SeriesArrays, inner: Origins, metric: str) -> float:
    """The one number that tuning and the choice of the candidate go by: mean of `metric` over series and inner
    cutoffs where it is defined; NaN where it is defined nowhere.
    """
    frame, _ = backtest(forecaster, fallback, arrays=arrays, origins=inner, run_id="inner", on_progress=no_progress)
    value = score(frame, arrays, inner, forecaster.task.season_length, [metric]).select(pl.col("value").mean()).item()
    return float("nan") if value is None else float(value)
