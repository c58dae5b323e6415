"""Ingest of many rows against what polars alone needs to scan, sort and write them.

    python -m tests.benchmarks.ingest [--rows 100000000] [--order by_day] [--workers 2] [--folder KEPT]

The rows lie in ten Parquet files, daily stamps and an id of 14 letters, in one of three orders: `by_day` (all series of
a day, in random order, then the next day: what a scheduled export gives), `by_series` or `shuffled`. Each side runs in a
process of its own on the same cores; seconds are those of the work, without the start of Python, unless they say so.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from datetime import date, timedelta
from pathlib import Path
from typing import Any

FILES = 10


def generate(folder: Path, rows: int, per_series: int, order: str) -> None:
    import numpy as np
    import polars as pl

    folder.mkdir(parents=True)
    random, n_series = np.random.default_rng(7), rows // per_series
    ids = ("series_" + pl.Series(np.arange(n_series)).cast(pl.String).str.zfill(7)).alias("unique_id")
    level = random.uniform(10.0, 1000.0, n_series)
    days = pl.Series("ds", [date(2024, 1, 1) + timedelta(days=day) for day in range(per_series)], dtype=pl.Date)
    for number in range(FILES):
        part = np.arange(number * per_series // FILES, (number + 1) * per_series // FILES)
        if order == "by_series":
            some = np.arange(number * n_series // FILES, (number + 1) * n_series // FILES)
            series, day = np.repeat(some, per_series), np.tile(np.arange(per_series), len(some))
        elif order == "by_day":
            series = np.concatenate([random.permutation(n_series) for _ in part])
            day = np.repeat(part, n_series)
        else:
            series = random.permutation(np.repeat(np.arange(n_series), len(part)))
            day = np.argsort(np.argsort(series, kind="stable"), kind="stable") % len(part) + part[0]
        y = np.round(level[series] * random.lognormal(0.0, 0.2, len(series)), 2)
        frame = pl.DataFrame([ids.gather(series), days.gather(day), pl.Series("y", y)])
        frame.write_parquet(folder / f"part{number}.parquet")


def polars_side(folder: Path) -> dict[str, Any]:
    import polars as pl

    started = time.perf_counter()
    rows = pl.scan_parquet(folder / "input" / "*.parquet").sort("unique_id", "ds")
    rows.sink_parquet(folder / "sorted.parquet")
    return {"seconds": time.perf_counter() - started}


def our_side(folder: Path, workers: int) -> dict[str, Any]:
    from forecasting.config import parse_config
    from forecasting.stages.ingest import ingest
    from forecasting.stages.plan import plan_of

    raw = {
        "name": "large",
        "workspace": str(folder / "workspace"),
        "workers": workers,
        "data": {"source": {"kind": "parquet", "path": str(folder / "input")}, "freq": "1d", "season_length": 7},
        "task": {"horizon": 7},
    }
    started = time.perf_counter()
    config = parse_config(raw)
    found = ingest(plan_of(config))
    seconds = time.perf_counter() - started
    kept = found.summary.model_dump(include={"n_series", "n_rows", "n_quarantined", "version", "digest"})
    return {"seconds": seconds, "changed": not found.summary.reused} | kept


def side(name: str, folder: Path, workers: int) -> dict[str, Any]:
    """One side in a fresh process on the first `workers` cores that this one may use."""
    started = time.perf_counter()
    command = [sys.executable, "-m", "tests.benchmarks.ingest", "--side", name, "--folder", str(folder)]
    threads = {"POLARS_MAX_THREADS": str(workers)}
    done = subprocess.run(
        [*command, "--workers", str(workers)], stdout=subprocess.PIPE, check=True, env=os.environ | threads
    )
    told = json.loads(done.stdout.splitlines()[-1]) | {"process_seconds": time.perf_counter() - started}
    print(f"{name:<8} {told['seconds']:8.2f} s   peak {told['peak_gib']:5.2f} GiB   {told}", flush=True)
    return told


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000_000)
    parser.add_argument("--per-series", type=int, default=100)
    parser.add_argument("--order", choices=["by_day", "by_series", "shuffled"], default="by_day")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--folder", type=Path, help="kept, with the rows of an earlier call")
    parser.add_argument("--side", choices=["polars", "ours"], help=argparse.SUPPRESS)
    wanted = parser.parse_args()
    if wanted.side:
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: wanted.workers])
        told = polars_side(wanted.folder) if wanted.side == "polars" else our_side(wanted.folder, wanted.workers)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        print(json.dumps(told | {"peak_gib": peak}))
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = wanted.folder or Path(temporary)
        if not (folder / "input").exists():
            generate(folder / "input", wanted.rows, wanted.per_series, wanted.order)
        theirs = side("polars", folder, wanted.workers)
        (folder / "sorted.parquet").unlink()
        first, again = side("ours", folder, wanted.workers), side("ours", folder, wanted.workers)
        if again["changed"] or not first["changed"]:
            raise SystemExit("the first ingest must make a version and the second must not: use an empty --folder")
    print(
        json.dumps(
            {
                "rows": first["n_rows"],
                "polars_seconds": round(theirs["seconds"], 2),
                "ours_seconds": round(first["seconds"], 2),
                "again_seconds": round(again["seconds"], 3),
                "again_share": round(again["seconds"] / first["seconds"], 5),
                "again_process_share": round(again["process_seconds"] / first["process_seconds"], 4),
                "polars_peak_gib": round(theirs["peak_gib"], 2),
                "ours_peak_gib": round(first["peak_gib"], 2),
                "ratio": round(first["seconds"] / theirs["seconds"], 3),
            }
        )
    )


if __name__ == "__main__":
    main()
