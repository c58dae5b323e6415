"""S7: what Prefect, MLflow and Optuna cost around training. `python -m tests.benchmarks.overhead [--minutes 10]`

Ours is the flow `train` (ingest, window, tune, train) of a config with one network on a simulated panel, as `forecast train`
runs it: Prefect's server and tasks, a study in Optuna's database, runs in MLflow, checkpoints, saved states. Bare are as
many fits of the same network and nothing else: `fit` on arrays that are ready, then the score at the inner cutoffs. What is
searched is the learning rate, no trial is pruned and no fit stops early, so both sides do the same steps.

Each side runs in a process of its own, bare first half, ours, bare second half, so that a machine that gets busier or
quieter hits both alike. What does not grow with the training is measured by the flow `ingest` of the same config in an empty
workspace, and printed apart: imports, the server's start and end, databases, the data. The last line is JSON with `ratio`:
ours less the fixed start, to bare (goal: at most 1.05); `cpu_ratio` is the same in CPU seconds of all processes.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

GOAL, PROBE_STEPS = 1.05, 60
RATES = (0.002, 0.004, 0.006, 0.008)  # of the trials and the final fit
T, H, D, B, SEED = 56, 14, 64, 128, 7


def config_of(folder: Path, steps: int) -> dict[str, Any]:
    """Of one network, whose fits all cost the same."""
    training = {"max_steps": steps, "batch_size": B, "valid_every": max(1, steps // 20), "patience": 10**6}
    network = {"name": "gru", "topology": "many_to_one", "context_length": T, "hidden_size": D, "training": training}
    rate = {"training.learning_rate": {"low": 0.001, "high": 0.01, "log": True}}
    return {
        "name": "overhead",
        "workspace": str(folder),
        "workers": 1,
        "device": "cpu",
        "seed": SEED,
        "data": {
            "source": {"kind": "simulated", "n_series": 100, "n_days": 500, "seed": 3, "horizon_rows": H},
            "freq": "1d",
            "season_length": 7,
        },
        "task": {"horizon": H},
        "forecasters": [network],
        "baselines": ["naive"],
        "tuning": {"n_trials": len(RATES) - 1, "inner_windows": 1, "space": rate},
        "training": {"whole_history": False},
        "evaluation": {"n_windows": 1, "step_size": H},
    }


def flow_side(folder: Path, steps: int, stage: str) -> dict[str, Any]:
    """The flow, as the command line runs it."""
    from flows.run import run_flow
    from forecasting.config import parse_config

    config = parse_config(config_of(folder, steps))
    began = time.perf_counter()
    run_flow(config, stage)
    return {"seconds": time.perf_counter() - began}


def bare_side(folder: Path, steps: int, half: int) -> dict[str, Any]:
    """Every second fit of the study and the final fit; half 0 begins with the first, half 1 with the second."""
    from dataclasses import asdict

    from forecasting.config import parse_config
    from forecasting.evaluation.backtest import inner_score
    from forecasting.forecasters.protocol import no_progress
    from forecasting.forecasters.recurrent.forecaster import RecurrentForecaster
    from forecasting.forecasters.recurrent.settings import settings_from_dict
    from forecasting.series.arrays.as_of import as_of
    from forecasting.series.arrays.cutoffs import inner_origins
    from forecasting.stages.ingest import ingest
    from forecasting.stages.plan import plan_of
    from forecasting.stages.tune import study_jobs
    from forecasting.stages.window import window
    from forecasting.tuning.space import apply

    plan = plan_of(parse_config(config_of(folder, steps)))
    data = ingest(plan)
    (study,) = study_jobs(plan, data, window(plan, data))
    arrays = as_of(study.dataset.arrays(), study.until)
    inner = inner_origins(arrays, study.until, H, *study.inner_windows)
    began = time.perf_counter()
    n_steps = 0
    for rate in RATES[half::2]:
        settings = settings_from_dict(apply(asdict(study.settings), {"training.learning_rate": rate}))
        forecaster = RecurrentForecaster(settings, study.task, SEED, "cpu")
        report = forecaster.fit(arrays, study.until, inner, no_progress)
        inner_score(forecaster, study.fallback, arrays, inner, study.metric)
        n_steps += report.notes["n_steps"]
    return {"seconds": time.perf_counter() - began, "n_steps": n_steps}


def side(what: str, folder: Path, steps: int) -> dict[str, Any]:
    """One side in a fresh process: seconds of its work, of the process, and CPU seconds of it and its children."""
    command = [sys.executable, "-m", "tests.benchmarks.overhead", "--side", what]
    before, began = os.times(), time.perf_counter()
    done = subprocess.run(
        [*command, "--folder", str(folder), "--steps", str(steps)], stdout=subprocess.PIPE, check=True
    )
    after = os.times()
    told = dict(json.loads(done.stdout.splitlines()[-1])) | {"process_seconds": time.perf_counter() - began}
    told["cpu"] = after.children_user + after.children_system - before.children_user - before.children_system
    print(f"{what:<8} " + "  ".join(f"{key} {value:.1f}" for key, value in told.items()), flush=True)
    return told


def main() -> None:
    """Choose the steps for the wanted minutes, run all sides, print the ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10.0, help="of bare training")
    parser.add_argument("--side", choices=["bare0", "bare1", "train", "ingest"], help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--steps", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.side:
        if options.side.startswith("bare"):
            told = bare_side(options.folder, options.steps, int(options.side[-1]))
        else:
            told = flow_side(options.folder, options.steps, options.side)
        print(json.dumps(told))
        return
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary)
        probe = side("bare0", root / "probe", PROBE_STEPS)
        steps = max(20, round(options.minutes * 60 / (len(RATES)) * probe["n_steps"] / 2 / probe["seconds"]) * 2)
        nothing = side("bare0", root / "nothing", 1)
        fixed = side("ingest", root / "fixed", steps)
        first = side("bare0", root / "bare", steps)
        ours = side("train", root / "ours", steps)
        second = side("bare1", root / "bare", steps)
    bare = first["seconds"] + second["seconds"]
    bare_cpu = first["cpu"] + second["cpu"] - 2 * nothing["cpu"]
    scores = {
        "fits": len(RATES),
        "steps_of_a_fit": steps,
        "bare_seconds": round(bare, 1),
        "ours_seconds": round(ours["seconds"], 1),
        "fixed_seconds": round(fixed["seconds"], 1),
        "import_seconds": round(fixed["process_seconds"] - fixed["seconds"], 1),
    }
    ratio = round((ours["seconds"] - fixed["seconds"]) / bare, 3)
    print(
        f"bare {bare:.1f} s; ours {ours['seconds']:.1f} s, of which {fixed['seconds']:.1f} s do not grow with the training"
    )
    cpu_ratio = round((ours["cpu"] - fixed["cpu"]) / bare_cpu, 3)
    print(json.dumps({"ratio": ratio, "goal": GOAL, "cpu_ratio": cpu_ratio, "scores": scores}))


if __name__ == "__main__":
    main()
