"""What bfloat16 buys and costs: one training step with forward and backward under autocast, against the same step in float32.

    python -m tests.benchmarks.bf16 [--device cuda] [--steps 200] [--sizes 64 256]

Time: whole steps (draw, scale, forward, loss, backward, clip, update), both sides in turns, and one matrix product of the
size of a recurrent step's gates in both, which says what this processor does with bfloat16 at all. Error: the distance of one
batch's gradient from that in float32, relative to its length; the largest shift of a forecast in units of each window's
spread; and the loss on a fixed batch, in float32, after training by each from the same weights. On CPU one thread, where the
setting `bf16` has no effect. Needs torch and numpy only; the last line is JSON with `ratio` (bf16 over float32, the
smallest of all rows) and `scores`.
"""

import argparse
import json
import statistics
from collections.abc import Callable

import torch
from torch import Tensor

from forecasting.training.devices import exact, resolve
from tests.benchmarks.training_step import RATE, B, H, Ours, T, against, in_turns
from tests.benchmarks.windows import WindowBatches, network_of, simulated_panel, spec_of

NETWORKS = [("gru", "many_to_one"), ("lstm", "many_to_one"), ("gru", "encoder_decoder")]


class Side:
    """A network that is trained by whole steps, in bfloat16 or not; both sides begin with the same weights and windows."""

    def __init__(self, cell: str, topology: str, hidden_size: int, device: torch.device, *, bf16: bool) -> None:
        panel, index, limit, _ = simulated_panel(1000, 500, device)
        network = network_of(cell, topology, hidden_size, H, device)
        self.batches = WindowBatches(network, panel, index, limit, spec_of(topology, T, H), B)
        self.probe = self.batches.draw()
        self.step = Ours(self.batches, cuda_graph=device.type == "cuda")
        self.step.step.bf16 = bf16  # the loop sets it on a GPU alone
        self.network, self.device, self.bf16 = network, device, bf16

    def gradient(self) -> Tensor:
        """Of the probe, all weights in one vector."""
        self.network.zero_grad()
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.bf16):
            loss = self.batches.loss(self.probe)
        loss.backward()
        return torch.cat([p.grad.float().flatten() for p in self.network.parameters() if p.grad is not None])

    def medians(self) -> Tensor:
        """The forecast of the probe in units of each window's spread; (B, H)."""
        windows, _, _ = self.batches.windows(self.probe)
        with torch.no_grad(), torch.autocast(self.device.type, torch.bfloat16, enabled=self.bf16):
            return self.network.distribution(self.network(windows.inputs), windows.spread).median().float()

    def loss(self) -> float:
        """Of the probe, in float32."""
        with torch.no_grad():
            return float(self.batches.loss(self.probe))


def product(hidden_size: int, device: torch.device, dtype: torch.dtype) -> Callable[[], Tensor]:
    """The gates of one recurrent step of the batch: (B, D) by (D, 3 D)."""
    state = torch.randn(B, hidden_size, device=device).to(dtype)
    weight = torch.randn(hidden_size, 3 * hidden_size, device=device).to(dtype)
    return lambda: state @ weight


def measured(cell: str, topology: str, hidden_size: int, n_steps: int, device: torch.device) -> dict[str, float]:
    """One row of the table, printed."""
    exactly, roughly = (Side(cell, topology, hidden_size, device, bf16=bf16) for bf16 in (False, True))
    gradient = exactly.gradient()
    distance = float((roughly.gradient() - gradient).norm() / gradient.norm())
    shift = float((roughly.medians() - exactly.medians()).abs().max())
    sides = {"float32": exactly.step, "bf16": roughly.step}
    times = in_turns(sides, n_steps, device)
    row = {
        "float32_ms": statistics.median(times["float32"]),
        "bf16_ms": statistics.median(times["bf16"]),
        "ratio": against(times, "bf16", "float32"),
        "gradient_error": distance,
        "largest_shift": shift,
        "float32_loss": exactly.loss(),
        "bf16_loss": roughly.loss(),
    }
    print(
        f"{cell:5} {topology:16} {hidden_size:4} {row['float32_ms']:9.2f} {row['bf16_ms']:8.2f} {row['ratio']:6.2f} "
        f"{distance:9.4f} {shift:8.4f} {row['float32_loss']:9.5f} {row['bf16_loss']:9.5f}",
        flush=True,
    )
    return row


def main() -> None:
    """Measure all networks at all sizes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--sizes", type=int, nargs="+", default=[64, 256])
    given = parser.parse_args()
    device = resolve(given.device)
    found = {}
    with exact(device):
        name = torch.cuda.get_device_name(device) if device.type == "cuda" else torch.backends.cpu.get_cpu_capability()
        print(
            f"{device.type} ({name}), torch {torch.__version__}; B={B} T={T} H={H} rate {RATE}; {given.steps} steps each"
        )
        for size in given.sizes:
            kinds = {"float32": torch.float32, "bf16": torch.bfloat16}
            products = {kind: product(size, device, dtype) for kind, dtype in kinds.items()}
            ratio = against(in_turns(products, 2_000, device), "bf16", "float32")
            print(f"matrix product ({B}, {size}) by ({size}, {3 * size}): bf16 / float32 {ratio:.2f}")
        print("cell  topology            D   float32     bf16  ratio  gradient    shift   loss 32   loss 16")
        for cell, topology in NETWORKS:
            for size in given.sizes:
                found[f"{cell} {topology} {size}"] = measured(cell, topology, size, given.steps, device)
    print(json.dumps({"ratio": min(row["ratio"] for row in found.values()), "scores": found}))


if __name__ == "__main__":
    main()
