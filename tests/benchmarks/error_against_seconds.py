"""Steps, segments, forking sequences: how large the error is after so many seconds of training.

    python -m tests.benchmarks.error_against_seconds [--data DIR] [--budgets 50 150 450]

Without `--data` 60 simulated shops, 400 days, history alone; two weeks ahead at four cutoffs after the fit, context of eight
weeks, segments of seven days. With it M4 Hourly at its two inner cutoffs (see `m4`), context of a week, segments of 24 hours.
Every network is a gru of the same width with the defaults of training; a step of many_to_many trains on every origin inside
its 64 windows, one of the others on 256 windows. Each number is the mean of two runs, of two seeds. Seconds are computing
seconds of one thread, MASE is by the seasonal naive's error on the history. The last line is JSON with `scores`:
network -> budget -> [seconds, MASE].
"""

import argparse
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from forecasting.forecasters.protocol import Task, no_progress
from forecasting.forecasters.recurrent.forecaster import RecurrentForecaster, RecurrentSettings
from forecasting.forecasters.recurrent.settings import EncodingSettings
from forecasting.processes import Progress, run_jobs
from forecasting.series.arrays.as_of import as_of
from forecasting.series.arrays.cutoffs import evaluation_origins, first_origins
from forecasting.series.arrays.series_arrays import FloatArray, Origins, SeriesArrays
from forecasting.training.settings import TrainingSettings
from tests.benchmarks import m4, topologies

WORKERS = 2
SEEDS = (1, 2)
NETWORKS: dict[str, dict[str, Any]] = {
    "many_to_one, steps": {"topology": "many_to_one"},
    "many_to_one, segments": {"topology": "many_to_one", "encoding": "segments"},
    "encoder_decoder, segments": {"topology": "encoder_decoder", "encoding": "segments"},
    "many_to_many (forking sequences)": {"topology": "many_to_many"},
}


@dataclass(frozen=True)
class Job:
    """One fit; `folder` null: the simulated panel."""

    folder: Path | None
    network: str
    max_steps: int
    run: int


def problem(job: Job) -> tuple[SeriesArrays, Origins, Origins, Task, dict[str, Any]]:
    """Arrays, until when the network learns, the origins that are scored, the task, and sizes of the networks."""
    if job.folder is not None:
        arrays = m4.read(job.folder)
        at = m4.origins(arrays, m4.INNER[job.run])
        return arrays, at, at, m4.TASK, {"context_length": 7 * m4.M, "transform": "log1p"}
    arrays, _ = topologies.panel_of(topologies.SITUATIONS[1])
    origins = evaluation_origins(arrays, topologies.H, 4, topologies.H, "calendar")
    until = first_origins(origins, arrays, "calendar")
    return arrays, until, origins, topologies.TASK, {"context_length": 8 * topologies.M}


def fit(job: Job, on_progress: Progress) -> tuple[float, float]:
    """Computing seconds of the fit, and the MASE of its forecasts."""
    arrays, until, origins, task, sizes = problem(job)
    changes = dict(NETWORKS[job.network])
    if changes.get("encoding") == "segments":
        changes["encoding"] = EncodingSettings("segments", task.season_length)
    batch_size = 64 if changes["topology"] == "many_to_many" else 256
    training = TrainingSettings(max_steps=job.max_steps, batch_size=batch_size)
    settings = RecurrentSettings("net", hidden_size=64, training=training, **sizes, **changes)
    forecaster = RecurrentForecaster(settings, task, SEEDS[job.run], "cpu")
    known, began = as_of(arrays, until), time.process_time()
    forecaster.fit(known, until, m4.NO_ORIGINS, on_progress)
    seconds = time.process_time() - began
    return seconds, mase(arrays, origins, forecaster.forecast(arrays, origins, no_progress).y_hat, task.season_length)


def mase(arrays: SeriesArrays, origins: Origins, y_hat_OH: FloatArray, m: int) -> float:
    """The mean over the origins of series whose history moves."""
    error_O = np.abs(arrays.targets(origins, y_hat_OH.shape[1]) - y_hat_OH).mean(axis=1)
    naive_O = m4.naive_errors(arrays, origins, m)
    return float((error_O / naive_O)[naive_O > 0].mean())


def main() -> None:
    """Measure every network at every budget and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--budgets", type=int, nargs="+", default=[50, 150, 450])
    given = parser.parse_args()
    jobs = [Job(given.data, name, n, run) for n in given.budgets for name in NETWORKS for run in range(len(SEEDS))]
    done = dict(zip(jobs, run_jobs(fit, jobs, WORKERS, isolated=True), strict=True))
    print(f"{'network':34}" + "".join(f"{f'{budget} steps':>20}" for budget in given.budgets))
    scores: dict[str, dict[int, list[float]]] = {}
    for name in NETWORKS:
        scores[name] = {}
        for n in given.budgets:
            runs = [done[Job(given.data, name, n, run)] for run in range(len(SEEDS))]
            scores[name][n] = [round(float(value), 4) for value in np.mean(runs, axis=0)]
        print(f"{name:34}" + "".join(f"{f'{s:.1f} s  {error:.3f}':>20}" for s, error in scores[name].values()))
    print(json.dumps({"scores": scores}))


if __name__ == "__main__":
    main()
