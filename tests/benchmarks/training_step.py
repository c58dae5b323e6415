"""S1: one whole training step against its bare kernels. `python -m tests.benchmarks.training_step [--device cuda]`

Ours: draw windows, gather and scale them, forward, loss, backward, clip, fused AdamW, telemetry. Bare: the same module on
tensors that are ready: forward, the same loss, backward, fused AdamW. Both take turns, on one thread; the ratio is
the median over the rounds. Then it says where the rest goes. Needs torch and numpy only.

On a GPU the step is also captured as a CUDA graph; then it prints captured against eager, windows per second and the
share of the bare step's time that its kernels run.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable
from typing import Any

import torch

from forecasting.training.devices import exact, resolve
from forecasting.training.optimizer import Updater, make_optimizer
from forecasting.training.settings import TrainingSettings
from forecasting.training.steps import Stepper
from forecasting.training.telemetry import Telemetry
from tests.benchmarks.windows import WindowBatches, network_of, simulated_panel, spec_of

B, T, D, H = 256, 96, 64, 48
RATE, FETCH_EVERY = 1e-3, 20


class Bare:
    """Forward, loss, backward and fused AdamW on one batch that is ready."""

    def __init__(self, batches: WindowBatches) -> None:
        self.batches, self.ready = batches, batches.windows(batches.draw())
        self.optimizer = make_optimizer(batches.network, TrainingSettings(learning_rate=RATE))

    def __call__(self) -> None:
        self.optimizer.zero_grad(set_to_none=True)
        self.batches.judge(*self.ready).backward()
        self.optimizer.step()


class Ours:
    """The step as the loop takes it."""

    def __init__(self, batches: WindowBatches, *, cuda_graph: bool) -> None:
        settings = TrainingSettings(max_steps=10**6, learning_rate=RATE, cuda_graph=cuda_graph)
        self.batches, self.updater = batches, Updater(batches.network, settings)
        self.notes: dict[str, str] = {}
        self.step = Stepper(batches.network, batches, self.updater, settings, self.notes)
        self.telemetry, self.n = Telemetry(settings.clip_norm), 0

    def __call__(self) -> None:
        self.n += 1
        self.telemetry.add(self.step(RATE))
        if self.n % FETCH_EVERY == 0:
            self.telemetry.fetch()


def seconds(work: Callable[[], Any], device: torch.device) -> float:
    """Of one call, the device's work included."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    began = time.perf_counter()
    work()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - began


Times = dict[str, list[float]]


def in_turns(sides: dict[str, Callable[[], Any]], rounds: int, device: torch.device) -> Times:
    """Milliseconds of each side by round; every round runs each once."""
    for work in sides.values():
        for _ in range(5):
            work()
    times: Times = {name: [] for name in sides}
    for _ in range(rounds):
        for name, work in sides.items():
            times[name].append(1000 * seconds(work, device))
    return times


def against(times: Times, side: str, other: str) -> float:
    """How much longer a side takes than another: the median over the rounds, so that a busy machine hits both alike."""
    return statistics.median(a / b for a, b in zip(times[side], times[other], strict=True))


def parts(batches: WindowBatches, ours: Ours) -> dict[str, Callable[[], Any]]:
    """What our step does beyond the bare one, piece by piece."""
    batch = batches.draw()
    loss = batches.loss(batch)
    loss.backward()
    told = ours.updater.update(loss.detach(), RATE)
    bare = make_optimizer(batches.network, TrainingSettings(learning_rate=RATE))
    return {
        "draw": batches.draw,
        "gather, scale, targets": lambda: batches.windows(batch),
        "clip, ratio, update": lambda: ours.updater.update(told.loss, RATE),
        "(of which AdamW)": bare.step,
        "telemetry": lambda: Telemetry(1.0).add(told),
    }


def measured(cell: str, topology: str, rounds: int, device: torch.device) -> dict[str, float]:
    """Medians of both sides and of the parts, in milliseconds, printed."""
    panel, index, limit, _ = simulated_panel(1000, 500, device)

    def batches() -> WindowBatches:
        network = network_of(cell, topology, D, H, device)
        return WindowBatches(network, panel, index, limit, spec_of(topology, T, H), B)

    ours = Ours(batches(), cuda_graph=False)
    sides: dict[str, Callable[[], Any]] = {"ours": ours, "bare": Bare(batches())}
    if device.type == "cuda":
        captured = Ours(batches(), cuda_graph=True)
        sides["captured"] = captured
    times = in_turns(sides, rounds, device)
    found = {name: statistics.median(values) for name, values in times.items()}
    ratio = against(times, "ours", "bare")
    print(f"{cell} {topology}: ours {found['ours']:.2f} ms, bare {found['bare']:.2f} ms, ratio {ratio:.3f}")
    if device.type == "cuda":
        speed = B / found["captured"] * 1000
        against_eager = against(times, "captured", "ours")
        print(f"  captured {found['captured']:.2f} ms ({captured.notes['step']}), against eager {against_eager:.3f}")
        print(
            f"  {speed:,.0f} windows per second, {kernel_share(Bare(batches()), device):.0%} of the bare step in kernels"
        )
    for name, spent in in_turns(parts(ours.batches, ours), rounds, device).items():
        print(f"  {name:<24} {statistics.median(spent):.3f} ms")
    return found | {"ratio": ratio}


def kernel_share(step: Callable[[], None], device: torch.device, n: int = 20) -> float:
    """Share of the wall time of n steps in which kernels run, by torch's profiler."""
    from torch.profiler import ProfilerActivity, profile

    step()
    with profile(activities=[ProfilerActivity.CUDA]) as seen:
        wall = seconds(lambda: [step() for _ in range(n)], device)
    kernels = sum(event.self_device_time_total for event in seen.key_averages())
    return float(kernels / 1e6 / wall)


def main() -> None:
    """All cells, and one JSON line: the worst ratio."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--cells", nargs="+", default=["gru", "lstm"])
    parser.add_argument("--topology", default="many_to_one")
    arguments = parser.parse_args()
    device = resolve(arguments.device)
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU, one thread"
    print(f"{name}; torch {torch.__version__}; B={B} T={T} D={D} H={H}; medians of {arguments.rounds} rounds in turns")
    with exact(device):
        found = {c: measured(c, arguments.topology, arguments.rounds, device) for c in arguments.cells}
    print(json.dumps({"ratio": max(row["ratio"] for row in found.values()), "scores": found}))


if __name__ == "__main__":
    main()
