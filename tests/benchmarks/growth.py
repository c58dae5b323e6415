"""S8: how training and prediction grow with the number of series. `python -m tests.benchmarks.growth [--device cuda]`

One training step (sample, scale, forward, loss, backward, clip, update) and the forecast of every series, on panels of
1x, 10x and 100x series. The exponent is the slope of log time over log series between the smallest and the largest panel: 0
for a step, which should not know how many series there are, 1 for work in proportion. The last line is JSON with
`scores`: both exponents (goal: at most 1.05). Needs torch and numpy only, on one thread.
"""

import argparse
import json
import math
import statistics

import torch
from torch import Tensor

from forecasting.training.devices import exact, resolve
from forecasting.windows.gather import gather
from tests.benchmarks.training_step import Ours, seconds
from tests.benchmarks.windows import WindowBatches, network_of, simulated_panel, spec_of

SIZES = (300, 3_000, 30_000)
T, D, H, B, LENGTH = 48, 32, 12, 256, 200


def forecast(batches: WindowBatches, last: Tensor) -> None:
    """The horizon after the last row of every series, in batches."""
    device = batches.panel.device
    with torch.no_grad():
        for begin in range(0, len(last), B):
            series = torch.arange(begin, min(begin + B, len(last)), device=device)
            windows = gather(batches.panel, series, last.to(device)[series], batches.spec)
            batches.network(windows.inputs)


def measured(n_series: int, device: torch.device) -> dict[str, float]:
    """Milliseconds of a step and of the forecast of all series: medians of the rounds."""
    panel, index, last, _ = simulated_panel(n_series, LENGTH, device)
    network = network_of("gru", "many_to_one", D, H, device)
    batches = WindowBatches(network, panel, index, last, spec_of("many_to_one", T, H), B)
    step = Ours(batches, cuda_graph=False)
    for _ in range(5):
        step()
    found = {
        "step": [seconds(step, device) for _ in range(40)],
        "forecast": [seconds(lambda: forecast(batches, last), device) for _ in range(5)],
    }
    return {name: 1000 * statistics.median(times) for name, times in found.items()}


def main() -> None:
    """Measure all sizes and print the exponents."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu")
    device = resolve(parser.parse_args().device)
    with exact(device):
        rows = {n: measured(n, device) for n in SIZES}
    for n, row in rows.items():
        print(f"{n:>7,} series: step {row['step']:.2f} ms, forecast of all {row['forecast']:.1f} ms")
    first, last = rows[SIZES[0]], rows[SIZES[-1]]
    scores = {f"{k}_exponent": round(math.log(last[k] / first[k]) / math.log(SIZES[-1] / SIZES[0]), 3) for k in first}
    print(json.dumps({"scores": scores, "goal": 1.05}))


if __name__ == "__main__":
    main()
