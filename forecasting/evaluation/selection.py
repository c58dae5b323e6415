"""How good a forecaster is on inner cutoffs: the one number that tuning and the choice of the candidate go by."""

import polars as pl

from forecasting.evaluation.backtest import backtest
from forecasting.evaluation.scoring import score
from forecasting.forecasters.protocol import Forecaster, no_progress
from forecasting.series.arrays.series_arrays import Origins, SeriesArrays


def inner_score(forecaster: Forecaster, fallback: str, arrays: SeriesArrays, inner: Origins, metric: str) -> float:
    """Mean of `metric` over series and inner cutoffs where it is defined; NaN where it is defined nowhere."""
    frame, _ = backtest(forecaster, fallback, arrays=arrays, origins=inner, run_id="inner", on_progress=no_progress)
    value = score(frame, arrays, inner, forecaster.task.season_length, [metric]).select(pl.col("value").mean()).item()
    return float("nan") if value is None else float(value)
