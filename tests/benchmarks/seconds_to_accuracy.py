"""S4: seconds of training until a network has an OWA of 0.50 on M4 Hourly, on two cores.

    python -m tests.benchmarks.seconds_to_accuracy --data DIR             train once, score the hold-out once
    python -m tests.benchmarks.seconds_to_accuracy --data DIR --choose    the budgets at the inner cutoffs, no hold-out
    python -m tests.benchmarks.peers --data DIR                           the same beside neuralforecast's GRU and NHITS

DIR holds m4_hourly.parquet and m4_hourly_test.parquet. Two networks that differ in their seed alone train side by side, each in a
process of one thread; the forecast is the median of theirs. STEPS, the budget of each, was fixed with `--choose`: the smallest of
BUDGETS whose OWA is at most GOAL less MARGIN at each of the two cutoffs before the hold-out. Wall seconds run from reading
the file to the forecasts, starting two Python processes included; training seconds are those of the slower of the two fits.
The other side is the goal of 90 seconds, and the seasonal naive's OWA. The last line is JSON with `scores`.
"""

import argparse
import json
import os
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from forecasting.forecasters.recurrent.settings import EncodingSettings, RecurrentSettings
from forecasting.processes import Progress, run_jobs
from forecasting.series.arrays.series_arrays import FloatArray
from forecasting.training.settings import TrainingSettings
from tests.benchmarks import m4

GOAL, MARGIN, GOAL_SECONDS = 0.50, 0.02, 90.0
SEEDS, CORES = (1, 2), 2
BUDGETS = (150, 300, 600, 1_200)
STEPS = 600


@dataclass(frozen=True)
class Job:
    """One network to fit up to a cutoff (see `m4`) and to forecast with."""

    folder: Path
    cutoff: int
    seed: int
    max_steps: int


@dataclass(frozen=True)
class Done:
    """Medians (O, H) and the seconds of the fit, by the clock and of computing."""

    y_hat_OH: FloatArray
    seconds: float
    cpu_seconds: float


@dataclass(frozen=True)
class Measured:
    """What two networks reached together."""

    owa: float
    smape: float
    mase: float
    steps: int
    seconds: float  # by the clock, from the file to the forecasts
    training_seconds: float
    cpu_seconds: float


def settings(max_steps: int) -> RecurrentSettings:
    """A week is read, and two days are given, a day per recurrent step."""
    training = TrainingSettings(max_steps=max_steps, batch_size=256)
    segments = EncodingSettings("segments", m4.M)
    sizes = {"context_length": 7 * m4.M, "hidden_size": 128}
    return RecurrentSettings(
        "net", topology="encoder_decoder", encoding=segments, transform="log1p", training=training, **sizes
    )


def fit(job: Job, on_progress: Progress) -> Done:
    """In a worker of one thread."""
    arrays = m4.read(job.folder)
    began, cpu = time.perf_counter(), time.process_time()
    y_hat_OH, _ = m4.fitted_forecast(arrays, m4.origins(arrays, job.cutoff), settings(job.max_steps), job.seed)
    return Done(y_hat_OH, time.perf_counter() - began, time.process_time() - cpu)


def measured(folder: Path, cutoff: int, max_steps: int) -> Measured:
    """Fit the networks side by side and score their median."""
    began = time.perf_counter()
    done = run_jobs(fit, [Job(folder, cutoff, seed, max_steps) for seed in SEEDS], CORES, isolated=True)
    y_hat_OH = np.median([d.y_hat_OH for d in done], axis=0)
    seconds = time.perf_counter() - began
    arrays = m4.read(folder)
    reached = m4.scores(arrays, m4.origins(arrays, cutoff), y_hat_OH)
    training, cpu = max(d.seconds for d in done), sum(d.cpu_seconds for d in done)
    return Measured(reached.owa, reached.smape, reached.mase, max_steps, seconds, training, cpu)


def choose(folder: Path) -> int:
    """Print every budget at the inner cutoffs; the smallest that reaches the goal, the largest where none does."""
    print(f"{'steps':>6} {'cutoffs before the hold-out':>28} {'CPU s':>6}")
    enough = []
    for budget in BUDGETS:
        found = [measured(folder, cutoff, budget) for cutoff in m4.INNER]
        owas = "   ".join(f"{each.owa:.4f}" for each in found)
        print(f"{budget:>6} {owas:>28} {found[0].cpu_seconds:>6.0f}", flush=True)
        if all(each.owa <= GOAL - MARGIN for each in found):
            enough.append(budget)
    return min(enough, default=BUDGETS[-1])


def use_cores(n: int) -> list[int]:
    """Bind this process and those that it starts to the first n of its cores, where the system can; which they are."""
    if not hasattr(os, "sched_setaffinity"):
        return []
    cores = sorted(os.sched_getaffinity(0))[:n]
    os.sched_setaffinity(0, cores)
    return cores


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--choose", action="store_true")
    given = parser.parse_args()
    print(f"cores {use_cores(CORES)}, {len(SEEDS)} networks, one thread each")
    if given.choose:
        print(json.dumps({"scores": {"steps": choose(given.data)}}))
        return
    ours = measured(given.data, m4.HOLD_OUT, STEPS)
    arrays = m4.read(given.data)
    at = m4.origins(arrays, m4.HOLD_OUT)
    naive = m4.scores(arrays, at, m4.seasonal_naive(arrays, at))
    print(f"{'':16} {'OWA':>6} {'sMAPE':>7} {'MASE':>6} {'seconds':>8} {'of training':>12} {'CPU':>6}")
    print(f"{'seasonal naive':16} {naive.owa:6.3f} {naive.smape:7.3f} {naive.mase:6.3f}")
    print(
        f"{'ours':16} {ours.owa:6.3f} {ours.smape:7.3f} {ours.mase:6.3f} {ours.seconds:8.1f} {ours.training_seconds:12.1f} "
        f"{ours.cpu_seconds:6.1f}"
    )
    print(f"goal: an OWA of {GOAL:.2f} within {GOAL_SECONDS:.0f} s")
    row = {"owa": ours.owa, "seconds": ours.seconds, "steps": ours.steps, "seasonal_naive": naive.owa}
    print(json.dumps({"ratio": ours.seconds / GOAL_SECONDS, "scores": row}))


if __name__ == "__main__":
    main()
