"""Every benchmark, each in a process of its own, and one table of what came out: `make benchmark [DATA=DIR] [QUICK=1]`

    python -m tests.benchmarks.run_all [--data DIR] [--quick] [--only NAME ...] [--output workspace/benchmarks.md]

Scripts that need public data are skipped without `--data` (see `accuracy` for what lies there). `--quick` runs all on next
to nothing: it shows that they work, its figures mean nothing. A script that fails is named in the table, the others run
on, and the exit status is 1; a goal that is not met is a result, and no failure.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from forecasting.processes import workers_of

HERE = "tests.benchmarks."
DATA = "DIR"  # among the arguments: the place of the public data


@dataclass(frozen=True)
class Figure:
    """A number of a script's last line: its place there, dots between keys, and a goal."""

    place: str
    at_most: float | None = None
    at_least: float | None = None

    @property
    def goal(self) -> str:
        """As the table says it."""
        if self.at_most is not None:
            return f"<= {self.at_most:g}"
        return "" if self.at_least is None else f">= {self.at_least:g}"

    def met(self, value: float) -> str:
        """yes, no, or nothing where there is no goal."""
        if self.at_most is None and self.at_least is None:
            return ""
        good = value <= self.at_most if self.at_most is not None else value >= (self.at_least or 0.0)
        return "yes" if good else "no"

    def of(self, last: Any) -> float:
        """The number; KeyError where the line has none there."""
        for key in self.place.split("."):
            last = last[key]
        return float(last)


@dataclass(frozen=True)
class Script:
    """A script below this folder, its line of BENCHMARKS if it has one, and what it is run with."""

    name: str
    what: str
    line: str = ""
    figures: tuple[Figure, ...] = ()
    arguments: tuple[str, ...] = ()
    quick: tuple[str, ...] = ()
    quick_too: bool = True  # whether it can be run on next to nothing

    @property
    def needs_data(self) -> bool:
        return DATA in self.arguments


AT_MOST_105 = Figure("ratio", at_most=1.05)
SCRIPTS = (
    Script(
        "training_step",
        "whole training step against its bare kernels",
        "S1",
        (AT_MOST_105,),
        ("--rounds", "60"),
        ("--rounds", "2", "--cells", "gru"),
    ),
    Script(
        "training_memory",
        "peak while training on 100 million points, against panel + 1 GiB",
        "S2",
        (Figure("ratio", at_most=1.0),),
        quick=("--points", "1000000", "--steps", "2"),
    ),
    Script(
        "batch_prediction",
        "series per second of batch prediction against the bare forward pass; its memory from 10,000 series on",
        "S3",
        (Figure("ratio", at_least=0.7), Figure("cpu_ratio"), Figure("memory_growth", at_most=1.2)),
        quick=("--series", "600", "1200", "--rounds", "1"),
    ),
    Script(
        "seconds_to_accuracy",
        "seconds to an OWA of 0.50 on M4 Hourly, in units of 90 s; the OWA",
        "S4",
        (Figure("ratio", at_most=1.0), Figure("scores.owa", at_most=0.5)),
        ("--data", DATA),
        quick_too=False,
    ),
    Script(
        "peers",
        "the same beside neuralforecast's GRU and NHITS, which are installed for it",
        "S4",
        (),
        ("--data", DATA),
        quick_too=False,
    ),
    Script(
        "ingest",
        "ingest of 100 million rows against polars scan, sort and write",
        "S5",
        (Figure("ratio", at_most=2.0), Figure("ours_peak_gib", at_most=8.0)),
        quick=("--rows", "100000"),
    ),
    Script(
        "baselines",
        "seasonal naive, Theta and ETS against statsforecast by hand",
        "S6",
        (Figure("ratio", at_most=1.1),),
        ("--series", "6000", "--engines", "statsforecast"),
        ("--series", "20", "--engines", "statsforecast"),
    ),
    Script(
        "overhead",
        "Prefect, MLflow and Optuna around 10 minutes of training against the bare fits",
        "S7",
        (AT_MOST_105, Figure("cpu_ratio")),
        quick=("--minutes", "0.02"),
    ),
    Script(
        "growth",
        "exponents of time over the number of series",
        "S8",
        tuple(
            Figure(f"scores.{part}_exponent", at_most=1.05) for part in ("step", "forecast", "backtest", "prediction")
        ),
        quick=("--series", "60", "120"),
    ),
    Script(
        "network",
        "whole network against its bare recurrence; segments; an origin at every step",
        figures=(AT_MOST_105,),
        quick=("--rounds", "1", "--steps", "10"),
    ),
    Script(
        "step_limits",
        "a training step's share of the square matrix product's rate",
        figures=(Figure("scores.share_of_square_rate"),),
        quick=("--rounds", "4"),
    ),
    Script(
        "parallel_fits",
        "two processes of one thread against two threads",
        figures=(Figure("ratio", at_least=1.6),),
        arguments=("--steps", "60"),
        quick=("--steps", "2", "--rounds", "1"),
    ),
    Script("bf16", "bfloat16 against float32", figures=(Figure("ratio"),), quick=("--steps", "2", "--sizes", "16")),
    Script(
        "error_against_seconds",
        "steps, segments and forking sequences: error against seconds",
        quick=("--budgets", "4"),
    ),
    Script("gradients", "vanishing and exploding gradients", quick=("--steps", "250")),
    Script("topologies", "every topology where it is the right choice", quick=("--most-steps", "4")),
    Script(
        "scoring",
        "scores of 10 million forecasts against one group-by; growth",
        figures=(Figure("ratio", at_most=3.0), Figure("exponent", at_most=1.05)),
        quick=("--series", "100", "200"),
    ),
    Script(
        "arima_engines",
        "our order search for ARIMA against AutoARIMA of statsforecast",
        quick=("--sets", "macrodata", "--series", "2"),
    ),
    Script("baseline_scores", "every baseline on the public sets", arguments=("--data", DATA), quick_too=False),
    Script(
        "accuracy", "our networks and blends on the public sets", arguments=("all", "--data", DATA), quick_too=False
    ),
)


@dataclass
class Row:
    """What became of a script: its last line, why there is none, or why it did not run."""

    script: Script
    last: dict[str, Any] = field(default_factory=dict)
    seconds: float = 0.0
    failed: str = ""
    skipped: str = ""

    def cells(self) -> list[str]:
        """One line of the table: id, what, figure, goal, met, seconds."""
        name = f"{self.script.what} (`{self.script.name}`)"
        if self.failed or self.skipped:
            told = f"failed: {self.failed}" if self.failed else f"skipped: {self.skipped}"
            return [self.script.line, name, told, "", "", f"{self.seconds:.0f}"]
        values = [(figure, figure.of(self.last)) for figure in self.script.figures]
        shown = "; ".join(f"{figure.place.rpartition('.')[2]} {value:.3g}" for figure, value in values)
        goals, met = (
            ([told for told in column if told] for column in zip(*[(f.goal, f.met(v)) for f, v in values], strict=True))
            if values
            else ([], [])
        )
        return [
            self.script.line,
            name,
            shown or "in its output",
            "; ".join(goals),
            "; ".join(met),
            f"{self.seconds:.0f}",
        ]


def run(script: Script, data: Path | None, *, quick: bool) -> Row:
    """Run one script, its output passed on line by line."""
    if script.needs_data and data is None:
        return Row(script, skipped="needs public data, DATA=DIR")
    if quick and not script.quick_too:
        return Row(script, skipped="not on next to nothing")
    given = script.quick if quick else script.arguments
    arguments = [str(data) if argument == DATA else argument for argument in given]
    print(f"\n== {script.line or '--'} {script.name} {' '.join(arguments)}", flush=True)
    began, last = time.perf_counter(), ""
    command = [sys.executable, "-m", HERE + script.name, *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout or ():
            print(line, end="", flush=True)
            last = line if line.strip() else last
    row = Row(script, seconds=time.perf_counter() - began)
    try:
        row.last = json.loads(last)
        row.cells()
    except (ValueError, KeyError, TypeError) as error:
        row.failed = f"its last line is not the JSON that is looked for ({error!r})"
    if process.returncode:
        row.failed = f"exit status {process.returncode}"
    return row


def table(rows: Sequence[Row], *, quick: bool) -> str:
    """The rows as Markdown, below where and when they were measured."""
    cores = f"{workers_of(None)} of {os.cpu_count()} cores"
    where = f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC; {processor()}, {cores}; Python {platform.python_version()}, torch {torch.__version__}"
    lines = ["# Benchmarks", "", where + (" (quick: these figures mean nothing)" if quick else ""), ""]
    lines += ["| id | what | figure | goal | met | seconds |", "|---|---|---|---|---|---|"]
    lines += ["| " + " | ".join(cell.replace("|", "/") for cell in row.cells()) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def processor() -> str:
    """The name that the system gives it."""
    info = Path("/proc/cpuinfo")
    names = [line for line in info.read_text().splitlines() if line.startswith("model name")] if info.exists() else []
    return names[0].partition(":")[2].strip() if names else platform.processor() or platform.machine()


def main(scripts: Sequence[Script] = SCRIPTS) -> None:
    """Run them all, write the table; exit status 1 where one failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", nargs="+", choices=[script.name for script in scripts], metavar="NAME")
    parser.add_argument("--output", type=Path, default=Path("workspace/benchmarks.md"))
    given = parser.parse_args()
    given.output.parent.mkdir(parents=True, exist_ok=True)
    rows: list[Row] = []
    for script in scripts:
        if given.only is None or script.name in given.only:
            rows.append(run(script, given.data, quick=given.quick))
            given.output.write_text(
                table(rows, quick=given.quick), encoding="utf-8"
            )  # what is there, should this be stopped
    print("\n" + table(rows, quick=given.quick) + f"\n{given.output}")
    if any(row.failed for row in rows):
        sys.exit(1)


if __name__ == "__main__":
    main()
