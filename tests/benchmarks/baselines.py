"""S6: seasonal naive + Theta + ETS for monthly series, against statsforecast called by hand on the same cores.

    python -m tests.benchmarks.baselines [--series 10000] [--cores 2] [--engines statsforecast,statsmodels]

Both sides start from one frame (unique_id, ds, y) and end with point forecasts and the 10 % and 90 % quantiles, twelve
months ahead, in worker processes of one thread each. CPU seconds are those of all processes, start-up included; where
other programs share the machine they tell more than the clock. Growth is the exponent of the time over a tenth of the
series and all of them, start-up of workers (imports) included. The last line is JSON; `ratio` is that of the clock, for
the default engines.
"""

import argparse
import json
import math
import os
import resource
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
from statsforecast import StatsForecast
from statsforecast.models import AutoETS, SeasonalNaive, Theta

from forecasting.forecasters.baselines.forecaster import LocalForecaster
from forecasting.forecasters.baselines.settings import BaselineSettings
from forecasting.forecasters.baselines.table import BASELINES
from forecasting.forecasters.protocol import Task, no_progress, to_frame
from forecasting.series.arrays.cutoffs import last_origins
from forecasting.series.arrays.series_arrays import Reading, to_arrays

KINDS = ("seasonal_naive", "theta", "ets")
TASK = Task(horizon=12, quantile_levels=(0.1, 0.5, 0.9), season_length=12)


def monthly_series(n: int, seed: int = 0) -> pl.DataFrame:
    """Five to twelve years each: a level that wanders, a trend, a season that grows with the level for every other one."""
    rng = np.random.default_rng(seed)
    frames = []
    for i in range(n):
        t = np.arange(rng.integers(60, 145))
        season = rng.normal(0, 0.1, 12)[t % 12]
        level = 100 * np.exp(rng.normal(0, 0.003) * t + np.cumsum(rng.normal(0, 0.02, len(t))))
        y = (level * (1 + season) if i % 2 else level + 100 * season) * (1 + rng.normal(0, 0.02, len(t)))
        frames.append(pl.DataFrame({"unique_id": f"m{i:06d}", "ds": t.astype(np.int64), "y": y}))
    return pl.concat(frames)


def ours(frame: pl.DataFrame, engine: str | None, workers: int) -> int:
    arrays = to_arrays(frame, Reading(freq="1", horizon=TASK.horizon, season_length=12, align="series_end"))
    origins = last_origins(arrays, "series_end")
    rows = 0
    for kind in KINDS:
        chosen = engine if engine in BASELINES[kind].engines else None
        settings = BaselineSettings(kind, engine=chosen)  # type: ignore[arg-type]
        forecast = LocalForecaster(settings, TASK, workers).forecast(arrays, origins, no_progress)
        rows += to_frame(forecast, arrays, origins, TASK).height
    return rows


def by_hand(frame: pl.DataFrame, workers: int) -> int:
    models = [SeasonalNaive(12), Theta(12), AutoETS(12)]
    done = StatsForecast(models=models, freq=1, n_jobs=workers).forecast(df=frame, h=TASK.horizon, level=[80])
    return len(KINDS) * len(done)


def measured(run: Callable[..., int], *given: Any) -> tuple[float, float]:
    """Seconds by the clock, and of computing in this process and the ones it started and ended."""
    cpu, clock = _cpu(), time.perf_counter()
    run(*given)
    return time.perf_counter() - clock, _cpu() - cpu


def _cpu() -> float:
    return sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--series", type=int, default=10_000)
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--engines", default="default", help="default, or a list of engines")
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: given.cores])
    whole = monthly_series(given.series)
    tenth = whole.filter(pl.col("unique_id") < f"m{given.series // 10:06d}")
    print(f"{given.series} monthly series, {whole.height} rows, {given.cores} cores")
    print(f"{'side':34} {'seconds':>9} {'CPU s':>9} {'ms/series':>10} {'growth':>7}")
    found: dict[str, Any] = {}
    sides: dict[str, tuple[Callable[..., int], tuple[Any, ...]]] = {"statsforecast by hand": (by_hand, ())}
    for engine in given.engines.split(","):
        sides[f"ours, {engine}"] = (ours, (None if engine == "default" else engine,))
    for side, (run, extra) in sides.items():
        few = measured(run, tenth, *extra, given.cores)
        clock, cpu = measured(run, whole, *extra, given.cores)
        growth = math.log10(cpu / few[1])
        found[side] = {"seconds": round(clock, 1), "cpu_seconds": round(cpu, 1), "growth": round(growth, 3)}
        print(f"{side:34} {clock:9.1f} {cpu:9.1f} {1e3 * cpu / given.series:10.2f} {growth:7.3f}", flush=True)
    hand, first = found["statsforecast by hand"], found[f"ours, {given.engines.split(',')[0]}"]
    ratios = {"ratio": first["seconds"] / hand["seconds"], "cpu_ratio": first["cpu_seconds"] / hand["cpu_seconds"]}
    print(json.dumps({"series": given.series, **{k: round(v, 3) for k, v in ratios.items()}, "sides": found}))


if __name__ == "__main__":
    main()
