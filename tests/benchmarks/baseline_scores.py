"""Every baseline on the public hold-out sets, beside the scores that the literature gives for it.

    python -m tests.benchmarks.baseline_scores --data DIR [--sets m4_hourly,...] [--kinds theta,...] [--engine NAME]

DIR holds SET.parquet and SET_test.parquet (unique_id, ds, y); nothing is fetched. Forecasts start at the end of each
series of SET; sMAPE is the mean over series of 200 |y - f| / (|y| + |f|), MASE divides by the in-sample error of the
seasonal naive. The last line is JSON: set -> baseline -> [sMAPE, MASE, seconds].
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
import polars as pl

from forecasting.forecasters.baselines.forecaster import LocalForecaster
from forecasting.forecasters.baselines.settings import BaselineSettings
from forecasting.forecasters.baselines.table import BASELINES
from forecasting.forecasters.protocol import Task, no_progress, to_frame
from forecasting.processes import workers_of
from forecasting.series.arrays.cutoffs import last_origins
from forecasting.series.arrays.series_arrays import Reading, SeriesArrays, to_arrays

SETS = {"m4_hourly": (24, 48), "tourism_monthly": (12, 24), "tourism_quarterly": (4, 8), "nn5_daily": (7, 56), "cif2016": (12, 12)}  # fmt: skip
REFERENCES = {  # sMAPE and MASE of the M4 competition (m4_hourly) and of the Monash archive
    ("m4_hourly", "seasonal_naive"): (13.912, 1.193),
    ("m4_hourly", "naive2"): (18.383, 2.395),
    ("m4_hourly", "theta"): (18.138, 2.455),
    ("tourism_monthly", "seasonal_naive"): (21.670, 1.631),
    ("tourism_monthly", "theta"): (19.90, 1.649),
    ("tourism_monthly", "ets"): (19.02, 1.526),
    ("tourism_quarterly", "theta"): (15.37, 1.661),
    ("tourism_quarterly", "ses"): (27.41, 3.210),
    ("tourism_quarterly", "ets"): (15.07, 1.592),
    ("nn5_daily", "seasonal_naive"): (26.469, 1.011),
    ("nn5_daily", "theta"): (22.01, 0.885),
    ("nn5_daily", "ses"): (35.50, 1.521),
    ("nn5_daily", "ets"): (21.57, 0.865),
    ("cif2016", "theta"): (13.05, 0.997),
    ("cif2016", "ses"): (14.95, 1.291),
    ("cif2016", "ets"): (12.18, 0.841),
    ("cif2016", "arima"): (11.70, 0.929),
}


def read_set(folder: Path, name: str) -> tuple[SeriesArrays, pl.DataFrame, Task]:
    """Training arrays, hold-out rows and task of one set."""
    season, horizon = SETS[name]
    train = pl.read_parquet(folder / f"{name}.parquet").select("unique_id", "ds", "y")
    freq = "1" if train.schema["ds"].is_integer() else "1d"
    arrays = to_arrays(train, Reading(freq=freq, horizon=horizon, season_length=season, align="series_end"))
    test = pl.read_parquet(folder / f"{name}_test.parquet").select("unique_id", "ds", "y")
    return arrays, test.with_columns(pl.col("ds").cast(arrays.ds.dtype)), Task(horizon, (0.1, 0.5, 0.9), season)


def scores(
    settings: BaselineSettings, arrays: SeriesArrays, test: pl.DataFrame, task: Task, workers: int
) -> tuple[float, float, int]:
    """Mean sMAPE and MASE over the series, and how many series could not be forecast (these are left out)."""
    forecaster = LocalForecaster(settings, task, workers)
    origins = last_origins(arrays, "series_end")
    forecast = forecaster.forecast(arrays, origins, no_progress)
    served = np.array([reason is None for reason in forecast.failed])
    kept = type(forecast)(*(getattr(forecast, part)[served] for part in ("y_hat", "quantiles", "failed", "fallback")))
    rows = to_frame(kept, arrays, origins.take(served), task).join(test, on=["unique_id", "ds"])
    lag = task.season_length
    scale = [
        np.abs(y[lag:] - y[:-lag]).mean()
        for y in (arrays.history(s, int(arrays.last_observed[s])) for s in range(arrays.n_series))
    ]
    error, size = (pl.col("y") - pl.col("y_hat")).abs(), pl.col("y").abs() + pl.col("y_hat").abs()
    per_series = rows.join(pl.DataFrame({"unique_id": arrays.ids, "scale": scale}), on="unique_id").group_by("unique_id").agg(
        smape=pl.when(size > 0).then(200 * error / size).otherwise(0.0).mean(), mase=error.mean() / pl.col("scale").first()
    )  # fmt: skip
    return per_series["smape"].mean(), per_series["mase"].mean(), int((~served).sum())


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--sets", default=",".join(SETS))
    parser.add_argument("--kinds", default=",".join(BASELINES))
    parser.add_argument("--engine")
    parser.add_argument("--workers", type=int)
    given = parser.parse_args()
    found: dict[str, dict[str, list[float]]] = {}
    print(f"{'set':18} {'baseline':15} {'sMAPE':>8} {'MASE':>7}   {'reference':>15}   {'seconds':>8}")
    for name in given.sets.split(","):
        arrays, test, task = read_set(given.data, name)
        found[name] = {}
        for kind in given.kinds.split(","):
            engine = given.engine if given.engine in BASELINES[kind].engines else None
            started = time.perf_counter()
            smape, mase, n_failed = scores(
                BaselineSettings(kind, engine=engine), arrays, test, task, workers_of(given.workers)
            )
            seconds = time.perf_counter() - started
            found[name][kind] = [round(smape, 4), round(mase, 4), round(seconds, 2)]
            known = "{:.3f} / {:.3f}".format(*REFERENCES[name, kind]) if (name, kind) in REFERENCES else "-"
            failed = f"   {n_failed} series failed" if n_failed else ""
            print(f"{name:18} {kind:15} {smape:8.3f} {mase:7.3f}   {known:>15}   {seconds:8.1f}{failed}", flush=True)
    print(json.dumps({"scores": found}))


if __name__ == "__main__":
    main()
