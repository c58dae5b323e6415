"""S4 side by side: our network against neuralforecast's GRU and NHITS on M4 Hourly, one after the other on the same two cores.

    python -m tests.benchmarks.peers --data DIR [--environment DIR] [--models NHITS] [--context T] [--seed N]

DIR holds m4_hourly.parquet and m4_hourly_test.parquet. The peers run in a virtual environment of their own with the exact
versions of requirements.txt, made in a temporary folder, or in `--environment`, which is kept and found again. They have their
defaults: GRU 1,500 steps and NHITS 1,000, on as many threads as there are cores; `--context` is how far they look back (a
week, as ours). Ours: see `seconds_to_accuracy`. Seconds run from reading the file to the forecasts for all three, starting
Python and importing included; of training: the fits alone. All forecasts are scored by the same code, the hold-out once
each. The last line is JSON with `scores`.
"""

import argparse
import json
import os
import subprocess
import tempfile
import time
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl

from forecasting.series.arrays.series_arrays import FloatArray, SeriesArrays
from tests.benchmarks import m4
from tests.benchmarks.seconds_to_accuracy import CORES, STEPS, Measured, measured, use_cores

HERE = Path(__file__).parent
PEERS = {"GRU": 1_500, "NHITS": 1_000}  # steps of training
QUIET = {"RAY_USAGE_STATS_ENABLED": "0", "DO_NOT_TRACK": "true", "PYTHONWARNINGS": "ignore"}


@contextmanager
def environment(kept: Path | None) -> Iterator[Path]:
    """The Python of a virtual environment that has requirements.txt, made where there is none yet."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = kept or Path(temporary)
        python = folder / "bin" / "python"
        if not python.exists():
            venv.create(folder, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", "-r", HERE / "requirements.txt"], check=True)
        yield python


def peer(python: Path, model: str, folder: Path, context: int, seed: int) -> Measured:
    """Train and score one of them; CalledProcessError with what it wrote where it fails."""
    with tempfile.TemporaryDirectory() as scratch:
        output = Path(scratch) / "forecasts.parquet"
        numbers = {"--steps": PEERS[model], "--horizon": m4.H, "--context": context, "--seed": seed}
        files = {"--train": (folder / "m4_hourly.parquet").resolve(), "--output": output}
        options = [str(part) for pair in (files | numbers).items() for part in pair]
        command = [str(python), str(HERE / "neuralforecast_model.py"), model, *options]
        surroundings = {**os.environ, **QUIET, "OMP_NUM_THREADS": str(CORES)}
        surroundings.pop("PYTHONPATH", None)  # nothing of ours in theirs
        began = time.perf_counter()
        ran = subprocess.run(command, cwd=scratch, env=surroundings, stdout=subprocess.PIPE, check=True, text=True)
        seconds = time.perf_counter() - began
        told = json.loads(ran.stdout.splitlines()[-1])
        arrays = m4.read(folder)
        at = m4.origins(arrays, m4.HOLD_OUT)
        reached = m4.scores(arrays, at, in_order(pl.read_parquet(output), arrays, model))
    spent = (seconds, told["training_seconds"], told["cpu_seconds"])
    return Measured(reached.owa, reached.smape, reached.mase, PEERS[model], *spent)


def in_order(forecasts: pl.DataFrame, arrays: SeriesArrays, model: str) -> FloatArray:
    """Rows of unique_id, ds and the model's column as (O, H), in the order of the series; ValueError where some are missing."""
    ids = pl.DataFrame({"unique_id": arrays.ids})
    whole = forecasts.cast({"unique_id": pl.String}).sort("unique_id", "ds").group_by("unique_id", maintain_order=True)
    found = ids.join(whole.agg(pl.col(model)), on="unique_id", how="left", maintain_order="left")[model]
    if not (found.list.len() == m4.H).fill_null(value=False).all():
        raise ValueError(f"{model} must forecast {m4.H} steps of every series")
    values: FloatArray = found.list.to_array(m4.H).to_numpy().astype(float)
    return values


def main() -> None:
    """Measure all three and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--environment", type=Path)
    parser.add_argument("--models", nargs="+", choices=PEERS, default=list(PEERS))
    parser.add_argument("--context", type=int, default=7 * m4.M)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    print(f"cores {use_cores(CORES)}", flush=True)
    arrays = m4.read(given.data)
    at = m4.origins(arrays, m4.HOLD_OUT)
    naive = m4.scores(arrays, at, m4.seasonal_naive(arrays, at))
    with environment(given.environment) as python:
        print(f"{'':24} {'steps':>6} {'OWA':>6} {'sMAPE':>7} {'MASE':>6} {'seconds':>8} {'of training':>12} {'CPU':>6}")
        print(f"{'seasonal naive':24} {'':6} {naive.owa:6.3f} {naive.smape:7.3f} {naive.mase:6.3f}", flush=True)
        rows = {"ours": show("ours, two networks", measured(given.data, m4.HOLD_OUT, STEPS))}
        for model in given.models:
            rows[model] = show(f"neuralforecast {model}", peer(python, model, given.data, given.context, given.seed))
    print(json.dumps({"scores": {name: {"owa": row.owa, "seconds": row.seconds} for name, row in rows.items()}}))


def show(name: str, row: Measured) -> Measured:
    """Print a row of the table, and give it back."""
    print(
        f"{name:24} {row.steps:6,} {row.owa:6.3f} {row.smape:7.3f} {row.mase:6.3f} {row.seconds:8.1f} "
        f"{row.training_seconds:12.1f} {row.cpu_seconds:6.1f}",
        flush=True,
    )
    return row


if __name__ == "__main__":
    main()
