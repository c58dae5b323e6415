"""Our order search for ARIMA (engine statsmodels) against statsforecast's AutoARIMA with several sets of options.

    python -m tests.benchmarks.arima_engines [--data DIR] [--sets NAME ...] [--options NAME ...] [--series 25] [--seed 0]

Without `--data` (or FORECASTING_DATA) the sets that ship inside statsmodels; with it those of DIR too, their training part
alone (SET.parquet): whatever is chosen here is not chosen by a hold-out. Of each set a seeded sample of series, forecast by
`forecast_history` at the newest cutoffs that leave a horizon. Per option and set: MASE, sMAPE and SQL (mean over the three
quantile levels of twice the pinball loss, in units of MASE), how much the MASE is above that of the first option (mean
of the differences per forecast, its standard error, and the share of forecasts that are better), computing seconds per
forecast (median, mean, longest), and failures, which are scored as the application serves them: by the seasonal naive.
Importing and the first call are left out, and measured apart in a fresh process. Set OMP_NUM_THREADS=1. The last line is
JSON with `scores`: set -> option -> figures.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import polars as pl
from statsforecast import arima as library

from forecasting.forecasters.baselines import engine_statsforecast
from forecasting.forecasters.baselines.table import BASELINES, forecast_history, load_engines
from forecasting.forecasters.protocol import Task
from forecasting.series.arrays.cutoffs import evaluation_origins
from forecasting.series.arrays.series_arrays import Align, FloatArray, Reading, to_arrays
from forecasting.sources.builtin import BuiltinSource
from tests.benchmarks import public_sets

LEVELS = (0.1, 0.5, 0.9)
FIGURES = ("mase", "smape", "sql")


@dataclass(frozen=True)
class Option:
    """An engine, what AutoARIMA is given beside the series and its season, and the newest periods that are used."""

    engine: str = "statsforecast"
    keywords: dict[str, Any] = field(default_factory=dict)
    max_history: int | None = BASELINES["arima"].max_history
    filtered: bool = False  # fitted by CSS alone, then filtered: what the library itself leaves out


SMALL = {"max_p": 2, "max_q": 2, "max_P": 1, "max_Q": 1}  # the orders that our search may choose
APPROXIMATE = {"approximation": True}  # orders by CSS, then one exact fit; by default from 150 periods on
LEAN = {"nmodels": 12, "start_p": 1, "start_q": 1, "start_P": 0, "start_Q": 1}  # the usual start is the dearest fit
OPTIONS = {
    "ours": Option("statsmodels"),
    "auto": Option(),
    "approximate": Option(keywords=APPROXIMATE),
    "small": Option(keywords=SMALL),
    "small_approximate": Option(keywords=SMALL | APPROXIMATE),
    "middle_approximate": Option(keywords={"max_p": 3, "max_q": 3, "max_P": 1, "max_Q": 1} | APPROXIMATE),
    "small_12_models": Option(keywords=SMALL | APPROXIMATE | {"nmodels": 12}),
    "small_12_exact": Option(keywords=SMALL | {"nmodels": 12}),
    "small_lean": Option(keywords=SMALL | LEAN),
    "small_150_periods": Option(keywords=SMALL | APPROXIMATE, max_history=150),
    "small_css": Option(keywords=SMALL | {"method": "CSS"}, filtered=True),
    "small_css_as_it_is": Option(keywords=SMALL | {"method": "CSS"}),
}
DEFAULT_OPTIONS = ("ours", "auto", "small", "small_approximate", "small_lean")


@dataclass(frozen=True)
class BuiltinSet:
    """How a set inside statsmodels is cut; two of them as configs/fertility.yaml and configs/co2.yaml do."""

    freq: str
    season_length: int
    horizon: int
    n_windows: int
    align: Align = "calendar"


BUILTIN = {
    "fertility": BuiltinSet("1", 1, 5, 3),
    "co2": BuiltinSet("1w", 52, 26, 6),
    "macrodata": BuiltinSet("3mo", 4, 8, 3),
    "elnino": BuiltinSet("1mo", 12, 12, 6),
}
PUBLIC = ("tourism_monthly", "tourism_quarterly", "cif2016", "nn5_daily", "m4_hourly")


@dataclass(frozen=True)
class Case:
    """One forecast to make: what may be seen, what came after (NaN where unobserved), the seasonal naive's mean error."""

    history_T: FloatArray
    actual_H: FloatArray
    scale: float


def cases_of(name: str, folder: Path | None, n_series: int, seed: int) -> tuple[list[Case], Task]:
    """The sampled cases of a set, in the order of its series; histories that repeat themselves have no MASE, and no case."""
    if name in BUILTIN:
        cut = BUILTIN[name]
        rows = BuiltinSource(name).read()
    else:
        assert folder is not None
        public = public_sets.SETS[name]
        rows = pl.read_parquet(folder / f"{name}.parquet").select("unique_id", "ds", "y")
        freq = "1" if rows.schema["ds"].is_integer() else "1d"
        cut = BuiltinSet(freq, public.season_length, public.horizon, 1, "series_end")
    m = cut.season_length
    arrays = to_arrays(rows, Reading(freq=cut.freq, horizon=cut.horizon, season_length=m, align=cut.align))
    origins = evaluation_origins(arrays, cut.horizon, cut.n_windows, cut.horizon, cut.align)
    some = np.random.default_rng(seed).permutation(arrays.n_series)[:n_series]
    origins = origins.take(np.isin(origins.series, some))
    cases = []
    for series, row, actual in zip(origins.series, origins.row, arrays.targets(origins, cut.horizon), strict=True):
        y = arrays.history(int(series), int(row))
        scale = float(np.abs(y[m:] - y[:-m]).mean()) if len(y) > m else 0.0
        if scale > 0 and len(y) >= BASELINES["arima"].min_history(Task(cut.horizon, LEVELS, m)):
            cases.append(Case(y, actual, scale))
    return cases, Task(cut.horizon, LEVELS, m)


@contextmanager
def applied(option: Option) -> Iterator[None]:
    """AutoARIMA with the option's keywords, wherever the engine calls it."""
    fit = _filtered if option.filtered else library.auto_arima_f

    def given(x: FloatArray, period: int) -> dict[str, Any]:
        model: dict[str, Any] = fit(x, period=period, **option.keywords)
        return model

    with mock.patch.object(engine_statsforecast, "auto_arima_f", given):
        yield


def _filtered(x: FloatArray, period: int, **keywords: Any) -> dict[str, Any]:
    """The library leaves the state of a CSS fit at zero, so that its forecast ignores the series: run the filter over it."""
    found: dict[str, Any] = library.auto_arima_f(x, period=period, **keywords)
    p, q, P, Q, m, d, D = found["arma"]
    model: dict[str, Any] = library.arima(
        x,
        order=(p, d, q),
        seasonal={"order": (P, D, Q), "period": m},
        xreg=found.get("xreg"),
        include_mean="intercept" in found["coef"],
        fixed=np.array(list(found["coef"].values())),
        method="ML",
    )
    if "drift" in found["coef"]:
        model["coef"] = library.change_drift_name(model["coef"])
    found |= {part: model[part] for part in ("model", "coef")}
    return found


def measured(option: Option, cases: list[Case], task: Task) -> tuple[FloatArray, FloatArray, dict[str, int]]:
    """MASE, sMAPE and SQL of each case (C, 3), computing seconds (C,), and what failed: reason -> how often."""
    scores_C3, seconds_C, failures = np.zeros((len(cases), len(FIGURES))), np.zeros(len(cases)), dict[str, int]()
    with applied(option):
        for i, case in enumerate(cases):
            began = time.process_time()
            try:
                answer = forecast_history("arima", case.history_T[-(option.max_history or 0) :], task, option.engine)
            except Exception as error:  # noqa: BLE001 - whatever the library raises is what is counted
                reason = f"{type(error).__name__}: {error}"[:80]
                failures[reason] = failures.get(reason, 0) + 1
                answer = forecast_history("seasonal_naive", case.history_T, task)
            seconds_C[i] = time.process_time() - began
            scores_C3[i] = _scores(case, *answer)
    return scores_C3, seconds_C, failures


def _scores(case: Case, y_hat_H: FloatArray, quantiles_HQ: FloatArray) -> tuple[float, float, float]:
    """Over the observed steps."""
    seen = ~np.isnan(case.actual_H)
    y, y_hat, below = case.actual_H[seen], y_hat_H[seen], case.actual_H[seen, None] - quantiles_HQ[seen]
    size = np.abs(y) + np.abs(y_hat)
    smape = np.where(size > 0, 200 * np.abs(y - y_hat) / np.where(size > 0, size, 1.0), 0.0).mean()
    levels = np.array(LEVELS)
    sql = 2 * np.maximum(levels * below, (levels - 1) * below).mean() / case.scale
    return float(np.abs(y - y_hat).mean() / case.scale), float(smape), float(sql)


def row_of(
    scores_C3: FloatArray, first_C3: FloatArray, seconds_C: FloatArray, failures: dict[str, int]
) -> dict[str, Any]:
    """The figures of one option on one set, beside the scores of the first option."""
    above = scores_C3[:, 0] - first_C3[:, 0]
    error = above.std(ddof=1) / np.sqrt(len(above)) if len(above) > 1 else 0.0
    row = dict(zip(FIGURES, scores_C3.mean(axis=0), strict=True))
    row |= {"above": above.mean(), "error": error, "better": (above < 0).mean(), "median_s": np.median(seconds_C)}
    row |= {"mean_s": seconds_C.mean(), "max_s": seconds_C.max()}
    return {name: round(float(value), 4) for name, value in row.items()} | {"failed": sum(failures.values())}


START = """
import json, sys, time
import numpy as np
from forecasting.forecasters.baselines.table import forecast_history, load_engines
from forecasting.forecasters.protocol import Task
task, t = Task(12, (0.1, 0.5, 0.9), 12), np.arange(96)
y = 5 * np.sin(np.pi * t / 6) + np.cumsum(np.random.default_rng(0).normal(size=96))
clock = [time.perf_counter()]
load_engines("arima", sys.argv[1])
clock.append(time.perf_counter())
for _ in range(3):
    forecast_history("arima", y, task, sys.argv[1])
    clock.append(time.perf_counter())
print(json.dumps(dict(zip(("import_s", "first_s", "second_s", "third_s"), np.diff(clock).round(3).tolist()))))
"""


def started(engine: str) -> dict[str, float]:
    """Seconds by the clock in a fresh process: of importing the engine, of the first call and of the next two."""
    done = subprocess.run([sys.executable, "-c", START, engine], capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    """Measure every option on every set and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=os.environ.get("FORECASTING_DATA"))
    parser.add_argument("--sets", nargs="+", choices=[*BUILTIN, *PUBLIC])
    parser.add_argument("--options", nargs="+", choices=list(OPTIONS), default=list(DEFAULT_OPTIONS))
    parser.add_argument("--series", type=int, default=25)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    start = {engine: started(engine) for engine in BASELINES["arima"].engines}
    for engine, seconds in start.items():
        load_engines("arima", engine)
        print(f"{engine}, fresh process: " + ", ".join(f"{name} {value:.2f}" for name, value in seconds.items()))
    names = given.sets or [*BUILTIN, *(PUBLIC if given.data else ())]
    scores: dict[str, dict[str, dict[str, Any]]] = {}
    columns = ("mase", "smape", "sql", "above", "error", "better", "median_s", "mean_s", "max_s", "failed")
    print(f"{'set':18}{'option':20}" + "".join(f"{column:>10}" for column in columns), flush=True)
    for name in names:
        cases, task = cases_of(name, given.data, given.series, given.seed)
        first, scores[name] = None, {}
        for option in given.options:
            measured(OPTIONS[option], cases[:1], task)  # whatever a first call does is not what is measured
            found, seconds_C, failures = measured(OPTIONS[option], cases, task)
            first = found if first is None else first
            scores[name][option] = row = row_of(found, first, seconds_C, failures)
            print(f"{name:18}{option:20}" + "".join(f"{row[column]:10.4g}" for column in columns), flush=True)
            for reason, times in failures.items():
                print(f"{'':38}{times} failed: {reason}")
    print(json.dumps({"scores": scores, "start": start}))


if __name__ == "__main__":
    main()
