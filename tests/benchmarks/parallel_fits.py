"""Two fits side by side: as two processes of one thread each, against one after the other with two threads.

    python -m tests.benchmarks.parallel_fits [--steps 200] [--rounds 3]

Both sides train the same two networks (GRU, B=256, T=96, D=64, H=48) on the same seeded panel; starting a process and
importing torch is left out on both sides, since a run starts its workers once. The sides alternate, the ratio is the
median of the rounds. The last line is JSON with `ratio`: how many times as fast the processes are (goal: at least 1.6).
"""

import argparse
import json
import multiprocessing
import os
import statistics
import time
from multiprocessing.connection import Connection

import torch

from tests.benchmarks.training_step import B, D, H, Ours, T
from tests.benchmarks.windows import WindowBatches, network_of, simulated_panel, spec_of

GOAL = 1.6


def fit(seed: int, steps: int, threads: int) -> None:
    """Train one network, seeded, by the whole step of the loop."""
    torch.set_num_threads(threads)
    torch.manual_seed(seed)
    device = torch.device("cpu")
    panel, index, limit, _ = simulated_panel(200, 500, device)
    network = network_of("gru", "many_to_one", D, H, device)
    step = Ours(WindowBatches(network, panel, index, limit, spec_of("many_to_one", T, H), B), cuda_graph=False)
    for _ in range(steps):
        step()


def work(pipe: Connection, seed: int) -> None:
    """A worker: fits whenever it is asked to, until the pipe closes."""
    while True:
        try:
            steps = pipe.recv()
        except EOFError:
            return
        fit(seed, steps, threads=1)
        pipe.send(True)


def main() -> None:
    """Measure and print both sides."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"  # inherited by the workers
    context = multiprocessing.get_context("spawn")
    pipes = []
    for seed in (1, 2):
        ours, theirs = context.Pipe()
        context.Process(target=work, args=(theirs, seed), daemon=True).start()
        pipes.append(ours)
    for pipe in pipes:
        pipe.send(2)
        pipe.recv()
    del os.environ["OMP_NUM_THREADS"]
    fit(1, 2, threads=2)
    ratios = []
    for number in range(options.rounds):
        began = time.perf_counter()
        for seed in (1, 2):
            fit(seed, options.steps, threads=2)
        one_by_one = time.perf_counter() - began
        began = time.perf_counter()
        for pipe in pipes:
            pipe.send(options.steps)
        for pipe in pipes:
            pipe.recv()
        side_by_side = time.perf_counter() - began
        ratios.append(one_by_one / side_by_side)
        print(
            f"round {number + 1}: one by one {one_by_one:.1f} s, two processes {side_by_side:.1f} s, {ratios[-1]:.2f}x"
        )
    print(
        json.dumps(
            {"ratio": round(statistics.median(ratios), 3), "goal": GOAL, "rounds": [round(r, 3) for r in ratios]}
        )
    )


if __name__ == "__main__":
    main()
