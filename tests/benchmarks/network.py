"""What a network costs beyond its bare recurrence, what segments save, and what an origin at every step buys.

    python -m tests.benchmarks.network [--rounds 15] [--steps 400]

1. Forward and backward of the whole network (static covariates, encoding, topology, head) against torch's bare nn.RNN,
   nn.LSTM or nn.GRU over the same inputs, B=256, T=96, D=64, one thread. The sides alternate; the ratio is the median
   over the pairs. All times are CPU time, so that other work on the machine matters less.
2. The same network with segments of length s against steps.
3. many_to_many, which trains on every step as an origin, against many_to_one: validation error by seconds.
The last line is JSON with `ratio`: the largest ratio of part 1 among topologies that hold no more than the bare recurrence.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable
from itertools import product
from typing import Any

import torch
from torch import Tensor, nn

from forecasting.forecasters.protocol import Task, no_progress
from forecasting.forecasters.recurrent.forecaster import RecurrentForecaster, RecurrentSettings
from forecasting.freq import parse_freq
from forecasting.models.network import Network, build_network
from forecasting.models.shape import NetworkShape
from forecasting.series.arrays.cutoffs import evaluation_origins, first_origins, inner_origins
from forecasting.series.arrays.series_arrays import Reading, to_arrays
from forecasting.series.checks.grid import to_grid
from forecasting.sources.simulated import SimulatedSource
from forecasting.training.settings import TrainingSettings
from forecasting.windows.gather import Inputs

B, T, D, F, H = 256, 96, 64, 8, 24
DAY = parse_freq("1d")
LEVELS = (0.1, 0.5, 0.9)
BARE = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}
# (topology, horizon, steps of a second bare recurrence): many_to_many with H = 24 gives 24 values at each of T steps,
# which is 24 times the output of its recurrence, so it is told apart.
SAME = [("many_to_one", H, 0), ("many_to_many", 1, 0)]
MORE = [("many_to_many", H, 0), ("encoder_decoder", H, H)]
Pass = Callable[[], None]


def main() -> None:
    """Print the three parts and the JSON line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--steps", type=int, default=400, help="of training in part 3")
    given = parser.parse_args()
    torch.set_num_threads(1)
    ratios = overhead(given.rounds)
    segments = segment_times(given.rounds)
    curves = learning_curves(given.steps)
    worst = max(row["ratio"] for row in ratios if row["same recurrence"])
    print(json.dumps({"ratio": worst, "overhead": ratios, "segments": segments, "every_step": curves}))


def overhead(rounds: int) -> list[dict[str, Any]]:
    """Part 1."""
    print(f"1. forward + backward, ms (B={B}, T={T}, D={D}, one thread, medians of {rounds})")
    rows = []
    for cell, (topology, horizon, decoder_steps) in product(BARE, SAME + MORE):
        bare, whole, ratio = compare(
            bare_pass(cell, topology, decoder_steps), network_pass(cell, topology, horizon), rounds
        )
        same = (topology, horizon, decoder_steps) in SAME
        print(f"   {cell:5} {topology:16} H={horizon:<3} bare {bare:7.1f}  whole {whole:7.1f}  ratio {ratio:.3f}")
        rows.append({"cell": cell, "topology": topology, "H": horizon, "ratio": ratio, "same recurrence": same})
    return rows


def segment_times(rounds: int) -> list[dict[str, Any]]:
    """Part 2."""
    print("2. many_to_one by length of a segment, ms")
    rows = []
    for cell in BARE:
        for length in (2, 4, 8, 24):
            steps, cut, ratio = compare(
                network_pass(cell, "many_to_one", H), network_pass(cell, "many_to_one", H, length), rounds
            )
            print(f"   {cell:5} s={length:<3} steps {steps:7.1f}  segments {cut:7.1f}  {1 / ratio:5.1f} times as fast")
            rows.append({"cell": cell, "length": length, "speedup": 1 / ratio})
    return rows


def bare_pass(cell: str, topology: str, decoder_steps: int) -> Pass:
    """The cell's torch kernel over (B, T, F), and over (B, decoder_steps, D) where the topology has a second one.

    Gradients come in where the topology reads the states: at every step, or at the last one of an encoder.
    """
    torch.manual_seed(0)
    layers = [BARE[cell](F, D, batch_first=True)] + [BARE[cell](D, D, batch_first=True)] * (decoder_steps > 0)
    given = [torch.randn(B, T, F), torch.randn(B, decoder_steps, D)][: len(layers)]
    read = [slice(None) if topology == "many_to_many" or n else slice(-1, None) for n in range(len(layers))]
    wanted = [torch.randn(*x.shape[:2], D)[:, steps] for x, steps in zip(given, read, strict=True)]

    def run() -> None:
        for layer, x, steps, gradient in zip(layers, given, read, wanted, strict=True):
            layer.zero_grad(set_to_none=True)
            layer(x)[0][:, steps].backward(gradient)

    return run


def network_pass(cell: str, topology: str, horizon: int, segment_length: int | None = None) -> Pass:
    """The whole network on inputs of F columns, of which 2 are static, to the quantiles of every step."""
    shape = NetworkShape(
        cell=cell,
        topology=topology,
        n_inputs=F - 2,
        n_static=2,
        categories=(),
        n_future=0,
        horizon=horizon,
        hidden_size=D,
        n_layers=1,
        dropout=0.0,
        quantile_levels=LEVELS,
        head="quantiles",
        context_length=T,
        segment_length=segment_length,
    )
    network, every_step = build_network(shape, 0).train(), topology == "many_to_many"
    future = torch.empty(B, T, horizon, 0) if every_step else torch.empty(B, horizon, 0)
    length, categories = torch.full((B,), T), torch.empty(B, 0, dtype=torch.int64)
    inputs = Inputs(torch.randn(B, T, F - 2), length, torch.randn(B, 2), categories, future)
    spread = torch.ones(B, 1, 1) if every_step else torch.ones(B, 1)
    gradient = torch.randn(*future.shape[:-1], len(LEVELS))
    return lambda: _forward_backward(network, inputs, spread, gradient)


def _forward_backward(network: Network, inputs: Inputs, spread: Tensor, gradient: Tensor) -> None:
    network.zero_grad(set_to_none=True)
    network.distribution(network(inputs), spread).quantiles(LEVELS).backward(gradient)


def compare(first: Pass, second: Pass, rounds: int) -> tuple[float, float, float]:
    """Median milliseconds of both, run in turns after one pass to warm up, and the median of second / first."""
    pairs = []
    for turn in range(rounds + 1):
        taken = []
        for side in (first, second):
            began = time.process_time()
            side()
            taken.append(1000 * (time.process_time() - began))
        if turn:
            pairs.append(taken)
    one, other = (statistics.median(side) for side in zip(*pairs, strict=True))
    return one, other, statistics.median(b / a for a, b in pairs)


def learning_curves(steps: int) -> dict[str, list[tuple[float, float]]]:
    """Part 3: (seconds of training, best validation loss so far) of both topologies, one budget of steps for both."""
    print("3. validation error by seconds: 60 shops of the simulated panel over 400 days, T=28, H=14, 8 windows a step")
    curve("many_to_one", steps)  # what comes up once per process is not to be laid at the first one's door
    curves = {topology: curve(topology, steps) for topology in ("many_to_one", "many_to_many")}
    for topology, points in curves.items():
        print(f"   {topology:13}", "  ".join(f"{s:.1f} s {loss:.4f}" for s, loss in points))
    return curves


def curve(topology: str, steps: int) -> list[tuple[float, float]]:
    """The running best at each look at the inner cutoffs."""
    frame = to_grid(SimulatedSource(n_series=60, n_days=400, lift=1.0).read(), DAY)
    arrays = to_arrays(frame, Reading(freq="1d", horizon=14, season_length=7, align="calendar"))
    until, task = (
        first_origins(evaluation_origins(arrays, 14, 1, 14, "calendar"), arrays, "calendar"),
        Task(14, LEVELS, 7),
    )
    training = TrainingSettings(max_steps=steps, batch_size=8, valid_every=max(1, steps // 10), patience=100)
    sizes = {"context_length": 28, "hidden_size": 32, "residual": "none"}
    settings = RecurrentSettings("n", topology=topology, **sizes, training=training)
    points, began = [], time.process_time()

    def look(_: int, loss: float) -> None:
        points.append((round(time.process_time() - began, 2), min([loss] + [best for _, best in points])))

    inner = inner_origins(arrays, until, 14, 2, 14)
    RecurrentForecaster(settings, task, 1, "cpu").fit(arrays, until, inner, no_progress, on_validation=look)
    return points


if __name__ == "__main__":
    main()
