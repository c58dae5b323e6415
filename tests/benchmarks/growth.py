"""S8: how training, backtest and prediction grow with the number of series. `python -m tests.benchmarks.growth`

    [--series 300 3000 30000] [--device cuda] [--parts step forecast]

step        one training step: sample, scale, forward, loss, backward, clip, update
forecast    the horizon of every series by a network, from a panel that is there
backtest    three cutoffs of every series, to checked rows, and their scores
prediction  from the series table to the published one, as `batch_prediction`

The exponent is the slope of log time over log series between the smallest and the largest panel: 0 for a step, which should
not know how many series there are, 1 for work in proportion; what does not grow at all makes it smaller. The last line is
JSON with `scores`: the exponents (goal: at most 1.05). `step` and `forecast` need torch and numpy only. One thread, CPU
seconds (on a GPU wall seconds).
"""

import argparse
import json
import math
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from forecasting.training.devices import exact, resolve
from forecasting.windows.gather import gather
from tests.benchmarks.training_step import Ours, seconds
from tests.benchmarks.windows import WindowBatches, network_of, simulated_panel, spec_of

SERIES = (300, 3_000, 30_000)
T, D, H, B, LENGTH = 48, 32, 12, 256, 200
PARTS = ("step", "forecast", "backtest", "prediction")
GOAL = 1.05


def clock(work: Callable[[], object], device: torch.device, rounds: int) -> float:
    """Milliseconds of one call: the median of the rounds."""
    times = []
    for _ in range(rounds):
        began = time.process_time()
        spent = seconds(work, device)
        times.append(spent if device.type == "cuda" else time.process_time() - began)
    return 1000 * statistics.median(times)


def forecast(batches: WindowBatches, last: Tensor) -> None:
    """The horizon after the last row of every series, in batches."""
    device = batches.panel.device
    with torch.no_grad():
        for begin in range(0, len(last), B):
            series = torch.arange(begin, min(begin + B, len(last)), device=device)
            windows = gather(batches.panel, series, last.to(device)[series], batches.spec)
            batches.network(windows.inputs)


def of_network(n_series: int, device: torch.device, parts: list[str]) -> dict[str, float]:
    """Of a training step, and of the forecast of all series."""
    panel, index, last, _ = simulated_panel(n_series, LENGTH, device)
    network = network_of("gru", "many_to_one", D, H, device)
    batches = WindowBatches(network, panel, index, last, spec_of("many_to_one", T, H), B)
    step = Ours(batches, cuda_graph=False)
    for _ in range(5):
        step()
    work: dict[str, tuple[Callable[[], object], int]] = {
        "step": (step, 40),
        "forecast": (lambda: forecast(batches, last), 3),
    }
    return {name: clock(call, device, rounds) for name, (call, rounds) in work.items() if name in parts}


def of_application(n_series: int, device: torch.device, parts: list[str], *, first: bool) -> dict[str, float]:
    """Of a backtest with its scores, and of a prediction."""
    from forecasting.evaluation.backtest import backtest
    from forecasting.evaluation.scoring import score
    from forecasting.forecasters.protocol import no_progress
    from forecasting.forecasters.saved import load_forecaster
    from forecasting.series.arrays.cutoffs import evaluation_origins
    from tests.benchmarks import batch_prediction

    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        batch_prediction.prepare(folder, n_series)
        config = batch_prediction.config_of(folder, 1)
        forecaster = load_forecaster(folder / "state")

        def tested() -> None:
            arrays = batch_prediction.dataset_of(config).arrays()
            origins = evaluation_origins(arrays, batch_prediction.H, 3, 4, "calendar")
            rows, _ = backtest(forecaster, "seasonal_naive", arrays, origins, "run", no_progress)
            score(rows, arrays, origins, 7, ["mase", "smape", "wql", "coverage"])

        work = {"backtest": tested, "prediction": lambda: batch_prediction.ours(config)}
        found = {}
        for name in [name for name in work if name in parts]:
            if first:
                work[name]()  # what comes up once per process is not to be laid at the smallest size's door
            found[name] = clock(work[name], device, 1)
        return found


def main() -> None:
    """Measure all sizes and print the exponents."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--series", type=int, nargs="+", default=[*SERIES])
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=[*PARTS])
    given = parser.parse_args()
    device, rows = resolve(given.device), {}
    for n in given.series:
        with exact(device):
            rows[n] = of_network(n, device, given.parts)
        if {"backtest", "prediction"} & {*given.parts}:
            rows[n] |= of_application(n, torch.device("cpu"), given.parts, first=n == given.series[0])
        print(f"{n:>7,} series: " + ", ".join(f"{name} {spent:,.1f} ms" for name, spent in rows[n].items()), flush=True)
    few, many = given.series[0], given.series[-1]
    scores = {
        f"{name}_exponent": round(math.log(rows[many][name] / rows[few][name]) / math.log(many / few), 3)
        for name in given.parts
    }
    print(json.dumps({"scores": scores, "goal": GOAL}))


if __name__ == "__main__":
    main()
