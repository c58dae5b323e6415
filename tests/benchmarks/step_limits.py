"""How near one training step comes to what this machine can do, and what holds it. `python -m tests.benchmarks.step_limits [--rounds 40]`

First the limits, one thread, float32: the rate of a large square matrix product, the rates of the products that a step of the
recurrence is made of, the rate of sigmoid and tanh, and memory bandwidth. Then one training step of a GRU (B=256, T=96,
D=64, H=48; forward, loss, backward, fused AdamW on ready tensors, as the bare side of S1): its operations and bytes are
counted from its shapes, and each kind is said in milliseconds at the limit that was measured for it. What is left over is
what runs between: small operations one after the other, each over memory that only the caches hold.

The last line is JSON with `scores`: shares of the step's time, and its share of the square product's rate. Needs torch and
numpy only.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable
from typing import Any

import torch

from forecasting.training.devices import exact
from forecasting.windows.spec import N_STEP_INPUTS
from tests.benchmarks.training_step import B, Bare, D, H, T
from tests.benchmarks.windows import LEVELS, WindowBatches, network_of, simulated_panel, spec_of

F, G, Q = N_STEP_INPUTS, 3 * D, len(LEVELS)  # inputs of a step, outputs of its three gates, quantiles
SQUARE, LARGE = 1024, 1 << 26  # rows of the square product; floats of a tensor that no cache holds
# m, k, n of each product (m, k) @ (k, n), and how often a training step has it. Backward of a product is two more: by its
# weights, for what came in, and by what came in, for the weights; what comes in first, y, needs no gradient.
PRODUCTS = {
    "gates of a state": ((B, D, G), T),
    "their gradient to the state": ((B, G, D), T),
    "their gradient to the weights": ((G, B, D), T),
    "gates of the inputs, all steps": ((B * T, F, G), 1),
    "their gradient to the weights, all steps": ((G, B * T, F), 1),
    "head, forward and backward": ((B, D, H * Q), 3),
}
FUNCTIONS = B * T * G  # sigmoids and tanhs of a forward pass
# Floats that pass once through memory where nothing is kept in between: per step and unit, forward 3 gates in and 5 saved
# values and a state out, backward these again and 6 gradients out.
TRAFFIC = 4 * B * T * D * (3 + 5 + 1 + 5 + 3 + 6)


def seconds(work: Callable[[], Any], rounds: int) -> float:
    """The median of one call, in CPU time: other work on the machine matters less."""
    for _ in range(3):
        work()
    times = []
    for _ in range(rounds):
        began = time.process_time()
        work()
        times.append(time.process_time() - began)
    return statistics.median(times)


def product(m: int, k: int, n: int, rounds: int) -> float:
    """Seconds of (m, k) @ (k, n), of many in a row where one is short."""
    left, right, out = torch.randn(m, k), torch.randn(k, n), torch.empty(m, n)
    repeats = max(1, 50_000_000 // (2 * m * k * n))

    def work() -> None:
        for _ in range(repeats):
            torch.mm(left, right, out=out)

    return seconds(work, rounds) / repeats


def limits(rounds: int) -> dict[str, float]:
    """Rates in operations, functions and bytes per second."""
    gates, large, other = torch.randn(B, D), torch.randn(LARGE), torch.empty(LARGE)
    out = torch.empty_like(gates)
    functions = (
        2 * seconds(lambda: torch.sigmoid(gates, out=out), rounds * 20)
        + seconds(lambda: torch.tanh(gates, out=out), rounds * 20)
    ) / 3
    return {
        "square": 2 * SQUARE**3 / product(SQUARE, SQUARE, SQUARE, max(3, rounds // 4)),
        "functions": gates.numel() / functions,
        "bandwidth": 2 * 4 * LARGE / seconds(lambda: other.copy_(large), max(3, rounds // 4)),
    }


def main() -> None:
    """Measure, count, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=40)
    rounds = parser.parse_args().rounds
    device = torch.device("cpu")
    with exact(device):
        found = limits(rounds)
        print(f"square product of {SQUARE}: {found['square'] / 1e9:.1f} GFLOP/s, one thread, float32")
        print(f"sigmoid and tanh of {B} x {D}: {found['functions'] / 1e6:.0f} million per second")
        print(f"memory bandwidth (copy, read and write): {found['bandwidth'] / 1e9:.1f} GB/s")
        at_shape, operations = 0.0, 0
        for name, ((m, k, n), times) in PRODUCTS.items():
            one, work = product(m, k, n, rounds), 2 * m * k * n
            at_shape, operations = at_shape + times * one, operations + times * work
            print(
                f"  {name:<42} {m:>6} x {k:>5} x {n:<4} {work / one / 1e9:7.1f} GFLOP/s "
                f"({work / one / found['square']:4.0%} of the square's)  {times:>3} times, {1000 * times * one:6.2f} ms"
            )
        panel, index, limit, _ = simulated_panel(1000, 500, device)
        batches = WindowBatches(
            network_of("gru", "many_to_one", D, H, device), panel, index, limit, spec_of("many_to_one", T, H), B
        )
        step = seconds(Bare(batches), rounds)
    parts = {
        "products at the rate of their shapes": at_shape,
        "sigmoids and tanhs": FUNCTIONS / found["functions"],
        "memory traffic, were no cache there": TRAFFIC / found["bandwidth"],
    }
    print(
        f"one training step: {1000 * step:.1f} ms, {operations / 1e9:.2f} GFLOP in products, {TRAFFIC / 2**20:.0f} MiB"
    )
    print(
        f"  {operations / step / 1e9:.1f} GFLOP/s, {operations / step / found['square']:.0%} of the square product's rate"
    )
    for name, taken in parts.items():
        print(f"  {name:<42} {1000 * taken:6.1f} ms  {taken / step:4.0%}")
    left = step - sum(parts.values())
    print(f"  {'left: small operations between them':<42} {1000 * left:6.1f} ms  {left / step:4.0%}")
    shares = {name: round(taken / step, 3) for name, taken in parts.items()} | {"left": round(left / step, 3)}
    of_square = operations / step / found["square"]
    rates = {name: round(rate / 1e9, 2) for name, rate in found.items()}
    print(
        json.dumps(
            {
                "scores": {"share_of_square_rate": round(of_square, 3), **shares},
                "giga_per_second": rates,
                "step_ms": round(1000 * step, 2),
            }
        )
    )


if __name__ == "__main__":
    main()
