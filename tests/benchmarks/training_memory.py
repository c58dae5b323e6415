"""S2: peak memory while training on a panel of 100 million points. `python -m tests.benchmarks.training_memory [--device cuda]`

The peak of resident memory (on a GPU: of what torch allocates there) from the first training step to the last, less what
importing takes, against the panel's y as float32 plus 1 GiB. Building the panel is measured beside it: it takes more, since
the arrays that it is built from are there too. Needs Linux, torch and numpy only.
"""

import argparse
import json
from pathlib import Path

import torch

from forecasting.training.devices import exact, resolve
from forecasting.training.loop import train
from forecasting.training.settings import TrainingSettings
from forecasting.windows.panel import HostRows, Panel
from tests.benchmarks.windows import WindowBatches, network_of, simulated_panel, spec_of

GIB = 2**30
LENGTH, B, T, D, H = 10_000, 256, 96, 64, 48


def peak() -> int:
    """Bytes of resident memory at its highest since the last `forget`."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(status.split("VmHWM:")[1].split()[0]) * 1024


def forget() -> None:
    """Count the peak anew from here."""
    Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")


def main() -> None:
    """Build the panel, train, and one JSON line: peak over the limit."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--points", type=int, default=100_000_000)
    parser.add_argument("--steps", type=int, default=20)
    arguments = parser.parse_args()
    device = resolve(arguments.device)
    with exact(device):
        imports = peak()
        panel, index, limit, y_bytes = simulated_panel(max(1, arguments.points // LENGTH), LENGTH, device)
        built = peak() - imports
        network = network_of("gru", "many_to_one", D, H, device)
        batches = WindowBatches(network, panel, index, limit, spec_of("many_to_one", T, H), B)
        settings = TrainingSettings(max_steps=arguments.steps, batch_size=B, valid_every=arguments.steps)
        forget()
        train(network, batches, settings)
    host = peak() - imports
    used = torch.cuda.max_memory_allocated(device) if device.type == "cuda" else host
    allowed = y_bytes + GIB
    print(f"{arguments.points:,} points, y as float32 {y_bytes / GIB:.2f} GiB; imports {imports / GIB:.2f} GiB")
    print("the panel holds " + ", ".join(f"{name} {size / GIB:.2f} GiB" for name, size in held(panel).items()))
    print(f"peak while training, beyond imports, on {device}: {used / GIB:.2f} GiB, allowed {allowed / GIB:.2f} GiB")
    print(f"  on the host {host / GIB:.2f} GiB; while the panel was built {built / GIB:.2f} GiB")
    scores = {"peak": used, "host_peak": host, "build_peak": built, "panel": y_bytes}
    print(json.dumps({"ratio": used / allowed, "scores": scores}))


def held(panel: Panel) -> dict[str, int]:
    """Bytes of each of the panel's tensors above a MiB; one that stands under two names counts once."""
    tensors = {name: rows.values if isinstance(rows, HostRows) else rows for name, rows in vars(panel).items()}
    places = {tensor.data_ptr(): (name, tensor) for name, tensor in reversed(tensors.items())}
    sizes = {name: tensor.numel() * tensor.element_size() for name, tensor in reversed(places.values())}
    return {name: size for name, size in sizes.items() if size > 2**20}


if __name__ == "__main__":
    main()
