"""Scoring of forecasts against one polars group-by over the same rows, and its growth with the number of series.

Both sides compute the mean absolute error, sMAPE and MASE of every (model, series, cutoff); ours also the weighted
quantile loss, the coverage, the reasons of undefined values and all parts per level. `python -m tests.benchmarks.scoring`.
"""

import argparse
import json
import time

import numpy as np
import polars as pl

from forecasting.evaluation.scoring import score
from forecasting.forecasters.protocol import Forecast, Task, to_frame
from forecasting.series.arrays.series_arrays import Origins, SeriesArrays
from tests.evaluation.conftest import make_arrays

HORIZON, N_CUTOFFS, HISTORY = 24, 4, 150
TASK = Task(HORIZON, (0.1, 0.5, 0.9), 12)
METRICS = ["mase", "smape", "mae"]
ALL = [*METRICS, "wql", "coverage"]


def forecasts(n_series: int) -> tuple[pl.DataFrame, SeriesArrays, Origins]:
    """`n_series` x 4 cutoffs x 24 steps of one model."""
    rng = np.random.default_rng(1)
    values = rng.gamma(4.0, 1.0, (n_series, HISTORY))
    arrays = make_arrays({f"series_{i:07}": v for i, v in enumerate(values)}, HORIZON)
    window = np.tile(np.arange(N_CUTOFFS), n_series)
    series = np.repeat(np.arange(n_series), N_CUTOFFS)
    last = arrays.last_observed[series] - HORIZON - (N_CUTOFFS - 1 - window)
    origins = Origins(series, last, window)
    y_hat = rng.gamma(4.0, 1.0, (len(origins), HORIZON))
    nothing = np.full(len(origins), None, dtype=object)
    made = Forecast(y_hat, y_hat[..., None] + np.array([-2.0, 0.0, 2.0]), nothing, nothing)
    frame = to_frame(made, arrays, origins, TASK)
    return frame.select(pl.lit("r").alias("run_id"), pl.lit("m").alias("model"), pl.all()), arrays, origins


def ours(frame: pl.DataFrame, arrays: SeriesArrays, origins: Origins, metrics: list[str]) -> float:
    """Seconds of our scores."""
    began = time.perf_counter()
    score(frame, arrays, origins, TASK.season_length, metrics)
    return time.perf_counter() - began


def group_by(frame: pl.DataFrame, arrays: SeriesArrays, origins: Origins) -> float:
    """Seconds of one polars group-by over rows that have y and scale beside the forecast already."""
    y = arrays.targets(origins, HORIZON).ravel()
    ready = frame.with_columns(y=pl.Series(y), scale=1.0)
    error, size = (pl.col("y_hat") - pl.col("y")).abs(), pl.col("y_hat").abs() + pl.col("y").abs()
    began = time.perf_counter()
    ready.group_by("run_id", "model", "unique_id", "cutoff").agg(
        mae=error.mean(), smape=(200 * error / size).mean(), mase=error.mean() / pl.col("scale").first()
    )
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--series", type=int, nargs="+", default=[1_000, 10_000, 104_167])
    sizes, seconds, others = parser.parse_args().series, list[float](), list[float]()
    for n_series in sizes:
        frame, arrays, origins = forecasts(n_series)
        mine = min(ours(frame, arrays, origins, METRICS) for _ in range(3))
        theirs = min(group_by(frame, arrays, origins) for _ in range(3))
        full = ours(frame, arrays, origins, ALL)
        seconds.append(mine)
        others.append(theirs)
        print(
            f"{frame.height:>12,} rows: same metrics {mine:.2f} s, with quantile metrics {full:.2f} s; group-by {theirs:.2f} s"
        )
    exponent, other = (float(np.polyfit(np.log(sizes), np.log(s), 1)[0]) for s in (seconds, others))
    print(f"growth with the number of series: exponent {exponent:.2f}; of the group-by {other:.2f}")
    print(
        json.dumps(
            {
                "ratio": round(mine / theirs, 2),
                "ratio_all_metrics": round(full / theirs, 2),
                "exponent": round(exponent, 2),
            }
        )
    )


if __name__ == "__main__":
    main()
