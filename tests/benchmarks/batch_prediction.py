"""S3: batch prediction end to end against the bare forward pass. `python -m tests.benchmarks.batch_prediction [--processes 1]`

    [--series 10000 100000] [--rounds 3] [--folder KEPT]

Ours is `forecast predict` without its command line: plan the parts, read, fill, scale, forward, inverse, three quantiles, calibrate,
check, hash, publish (GRU, T=96, H=12, D=64, series of 120 days). Bare is the same network on the same number of windows that
are ready in memory, in batches of 256, one thread. Both sides take turns on the same cores, one for each process. With more
than one process ours starts its workers in the measured time; bare ones are there already.

Memory is that of a process of its own per size: the peak of resident memory in the prediction, all processes together. The
last line is JSON with `ratio` (series per second of ours to bare at the second size; goal: at least 0.7) and `memory_growth`
(peak at the largest size to that at the smallest; goal: at most 1.2); `cpu_ratio` is `ratio` in CPU seconds, for a busy machine. `--series 10000 100000 1000000` measures a million.
"""

import argparse
import json
import multiprocessing
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import psutil
import torch

from forecasting.config import Config, parse_config
from forecasting.forecasters.protocol import no_progress
from forecasting.forecasters.recurrent.ensemble import EnsembleForecaster
from forecasting.forecasters.recurrent.settings import RecurrentSettings
from forecasting.forecasters.recurrent.windows import spec_of
from forecasting.forecasters.saved import load_forecaster, state_digest
from forecasting.schema import IngestSummary, Served
from forecasting.series.arrays.cutoffs import inner_origins, last_origins
from forecasting.series.arrays.dataset import Dataset
from forecasting.series.arrays.parts import parts_of
from forecasting.series.arrays.series_arrays import to_arrays
from forecasting.series.table.store import SeriesStore, Version
from forecasting.stages.champion import point_to
from forecasting.stages.ingest import Ingested
from forecasting.stages.paths import Paths
from forecasting.stages.plan import plan_of, reading_of, task_of
from forecasting.stages.predict import predict
from forecasting.training.devices import exact
from forecasting.training.settings import TrainingSettings
from forecasting.windows.gather import Inputs, gather

T, H, D, LENGTH, BATCH, GOAL, MEMORY_GOAL = 96, 12, 64, 120, 256, 0.7, 1.2
PER_FILE = 16_000  # series of a file of the table: about what ingest makes of 64 MiB


def config_of(folder: Path, processes: int) -> Config:
    data = {"source": {"kind": "parquet", "path": "none.parquet"}, "freq": "1d", "season_length": 7}
    raw = {"name": "batch", "workspace": str(folder), "workers": processes, "device": "cpu", "data": data}
    return parse_config({**raw, "task": {"horizon": H}})


def prepare(folder: Path, n_series: int) -> None:
    """A series table of random walks on a weekly season, and a champion: a network of few steps with its calibration."""
    config = config_of(folder, 1)
    root = Paths(config.workspace, config.name).root
    days = pl.date_range(pl.date(2024, 1, 1), pl.date(2024, 1, 1) + pl.duration(days=LENGTH - 1), eager=True)
    season = 10 * np.sin(np.arange(LENGTH) * 2 * np.pi / 7)
    nobody = pl.DataFrame(schema={"unique_id": pl.String, "reason": pl.String, "detail": pl.String})
    nobody = nobody.with_columns(first_ds=pl.lit(""), last_ds=pl.lit(""), n_rows=pl.lit(0, dtype=pl.Int64))
    store = SeriesStore(root)
    with store.draft() as draft:
        for begin in range(0, n_series, PER_FILE):
            n = min(PER_FILE, n_series - begin)
            walks = np.cumsum(np.random.default_rng(begin).standard_normal((n, LENGTH)), axis=1) + 100 + season
            ids = "series_" + pl.Series(np.arange(begin, begin + n)).cast(pl.String).str.zfill(7)
            columns = [
                ids.gather(np.repeat(np.arange(n), LENGTH)).alias("unique_id"),
                days.gather(np.tile(np.arange(LENGTH), n)).alias("ds"),
                pl.Series("y", walks.ravel()),
            ]
            draft.add(draft.write(pl.DataFrame(columns)))
        store.commit(draft, nobody)
    some = dataset_of(config).scan().head(500 * LENGTH).collect()
    arrays = to_arrays(some, reading_of(config, pl.Date()))
    until = last_origins(arrays, "calendar")
    settings = RecurrentSettings(
        "gru", topology="many_to_one", context_length=T, hidden_size=D, training=TrainingSettings(max_steps=20)
    )
    champion = EnsembleForecaster.untrained(settings, task_of(config), 7, "cpu")
    champion.fit(arrays, until, inner_origins(arrays, until, H, 1, H), no_progress)
    champion.save(folder / "state")
    state = str(folder / "state")
    served = {"model": "gru", "kind": "recurrent", "version": "1", "decision": "promoted", "run_id": "benchmark"}
    digest = state_digest(folder / "state")
    point_to(Paths(config.workspace, config.name), Served(**served, digest=digest, folder=state, evaluated=state))


def dataset_of(config: Config) -> Dataset:
    return Dataset(Paths(config.workspace, config.name).root, 0, reading_of(config, pl.Date()), "benchmark")


def ours(config: Config) -> dict[str, Any]:
    """One prediction into an empty table: seconds and what came out."""
    paths = Paths(config.workspace, config.name)
    shutil.rmtree(paths.table("forecasts"), ignore_errors=True)
    began, cpu = time.perf_counter(), cpu_seconds()
    nothing = IngestSummary.model_construct()  # predict reads the dataset alone
    data = Ingested(
        version=Version(0, "benchmark", 0, 0),
        dataset=dataset_of(config),
        ds_type=pl.Date(),
        quarantine=pl.DataFrame(),
        run_id="benchmark",
        summary=nothing,
    )
    found = predict(plan_of(config), data)
    times = {"seconds": time.perf_counter() - began, "cpu": cpu_seconds() - cpu}
    return times | {k: getattr(found, k) for k in ("n_series", "n_rows", "digest")}


def cpu_seconds() -> float:
    """Of this process and the ones it started and ended."""
    return sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))


class Bare:
    """The network on windows that are ready; those of one part stand for all, in as many batches as there are."""

    def __init__(self, folder: Path) -> None:
        member = load_forecaster(folder / "state").members[0]  # type: ignore[attr-defined]
        resolved, encoding, self.network = member._fitted()
        arrays = parts_of(dataset_of(config_of(folder, 1))).parts[0].arrays()
        origins, device = last_origins(arrays, "calendar"), torch.device("cpu")
        self.windows: list[Inputs] = []
        panel, spec = encoding.panel(arrays, device), spec_of(resolved, member.task, encoding)
        for begin in range(0, len(origins) - BATCH + 1, BATCH):
            series, row = (torch.from_numpy(x[begin : begin + BATCH]) for x in (origins.series, origins.row))
            self.windows.append(gather(panel, series, row, spec).inputs)

    def __call__(self, n_series: int) -> float:
        """CPU seconds of so many series."""
        began = cpu_seconds()
        with exact(torch.device("cpu")), torch.no_grad():
            for number in range(-(-n_series // BATCH)):
                self.network(self.windows[number % len(self.windows)])
        return cpu_seconds() - began


def bare_worker(pipe: Connection, folder: Path) -> None:
    """Says when it is ready, then runs as many series as it is told, until it is told none."""
    bare = Bare(folder)
    pipe.send(0.0)
    while n_series := pipe.recv():
        pipe.send(bare(n_series))


def speed(folder: Path, n_series: int, processes: int, rounds: int) -> dict[str, Any]:
    """Both sides in turns."""
    context = multiprocessing.get_context("spawn")
    pipes = []
    for _ in range(processes):
        here, there = context.Pipe()
        context.Process(target=bare_worker, args=(there, folder), daemon=True).start()
        here.recv()
        pipes.append(here)
    config, pairs = config_of(folder, processes), list[tuple[float, ...]]()
    ours(config)  # what comes up once per process is not to be laid at the first round's door
    for number in range(rounds):
        began = time.perf_counter()
        for pipe in pipes:
            pipe.send(-(-n_series // processes))
        bare_cpu = sum(pipe.recv() for pipe in pipes)
        bare = time.perf_counter() - began
        done = ours(config)
        pairs.append((bare, done["seconds"], bare_cpu, done["cpu"]))
        seconds = f"bare {bare:.2f} s, whole {done['seconds']:.2f} s, {bare / done['seconds']:.3f}"
        print(f"round {number + 1}: {seconds}; CPU {bare_cpu:.2f} s, {done['cpu']:.2f} s, {bare_cpu / done['cpu']:.3f}")
    for pipe in pipes:
        pipe.send(0)
    ratio = statistics.median(bare / whole for bare, whole, *_ in pairs)
    cpu_ratio = statistics.median(bare / whole for *_, bare, whole in pairs)
    rate = n_series / statistics.median(pair[1] for pair in pairs)
    return {"ratio": round(ratio, 3), "cpu_ratio": round(cpu_ratio, 3), "series_per_second": round(rate)}


def peak_while(work: Any) -> tuple[Any, float]:
    """What `work` gives, and the highest sum of resident memory of this process and its children meanwhile, in MiB."""
    process, done, highest = psutil.Process(), threading.Event(), 0

    def watch() -> None:
        nonlocal highest
        while not done.wait(0.02):
            held = 0
            for one in [process, *process.children(recursive=True)]:
                try:
                    held += one.memory_info().rss
                except psutil.NoSuchProcess:
                    continue
            highest = max(highest, held)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        result = work()
    finally:
        done.set()
        watcher.join()
    return result, highest / 2**20


def side(what: str, folder: Path, n_series: int, options: argparse.Namespace) -> dict[str, Any]:
    """One measurement in a process of its own on as many cores as it has processes."""
    command = [sys.executable, "-m", "tests.benchmarks.batch_prediction", "--side", what, "--folder", str(folder)]
    command += ["--series", str(n_series), "--processes", str(options.processes), "--rounds", str(options.rounds)]
    threads = {"POLARS_MAX_THREADS": str(options.processes)}
    told = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=os.environ | threads).stdout
    *lines, last = told.splitlines()
    for line in lines:
        print(f"  {line}")
    return dict(json.loads(last))


def main() -> None:
    """Prepare each size, measure memory at each and speed at the second."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--series", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="kept, with the tables of an earlier call")
    parser.add_argument("--side", choices=["prepare", "memory", "speed"], help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.side:
        n_series, folder = options.series[0], options.folder
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: options.processes])
        if options.side == "prepare":
            prepare(folder, n_series)
            print("{}")
        elif options.side == "speed":
            print(json.dumps(speed(folder, n_series, options.processes, options.rounds)))
        else:
            told, peak = peak_while(lambda: ours(config_of(folder, options.processes)))
            print(json.dumps(told | {"peak_mib": round(peak)}))
        return
    with tempfile.TemporaryDirectory() as temporary:
        found: dict[int, dict[str, Any]] = {}
        for n_series in options.series:
            folder = (options.folder or Path(temporary)).absolute() / str(n_series)
            if not (folder / "state").exists():
                folder.mkdir(parents=True, exist_ok=True)
                side("prepare", folder, n_series, options)
            found[n_series] = side("memory", folder, n_series, options)
            told = found[n_series]
            print(
                f"{n_series:>9,} series: {told['seconds']:.1f} s, {told['n_rows']:,} rows, peak {told['peak_mib']} MiB",
                flush=True,
            )
            if n_series == options.series[min(1, len(options.series) - 1)]:
                fast = side("speed", folder, n_series, options)
        growth = found[options.series[-1]]["peak_mib"] / found[options.series[0]]["peak_mib"]
    scores = {str(n): {"seconds": round(f["seconds"], 2), "peak_mib": f["peak_mib"]} for n, f in found.items()}
    goals = {"goal": GOAL, "memory_growth": round(growth, 3), "memory_goal": MEMORY_GOAL}
    print(json.dumps(fast | goals | {"processes": options.processes, "scores": scores}))


if __name__ == "__main__":
    main()
