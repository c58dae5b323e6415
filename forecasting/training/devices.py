"""Which device a fit runs on, and how it is kept exact there: one thread on CPU, no TF32 on a GPU."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from forecasting.errors import InputError


def resolve(device: str) -> torch.device:
    """auto | cpu | cuda | cuda:N as a device; auto takes the first GPU where there is one. InputError for any other."""
    n_gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if device == "auto":
        return torch.device("cuda:0" if n_gpus else "cpu")
    if device == "cpu":
        return torch.device("cpu")
    kind, _, number = device.partition(":")
    if kind != "cuda" or (device != "cuda" and not number.isdecimal()):
        raise InputError(f"device must be auto, cpu, cuda or cuda:N, got {device!r}: set device: auto")
    if int(number or 0) >= n_gpus:
        raise InputError(
            f"device {device} must exist on this machine, got {n_gpus} CUDA devices: set device: cpu or auto"
        )
    return torch.device(kind, int(number or 0))


@contextmanager
def exact(device: torch.device, *, tf32: bool = False) -> Iterator[None]:
    """Same input, same bits: one thread on CPU (two change the order of sums), TF32 off on a GPU unless it is asked for.

    Restored afterwards.
    """
    if device.type == "cpu":
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            yield
        finally:
            torch.set_num_threads(threads)
        return
    before = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = tf32
    try:
        yield
    finally:
        torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = before


@contextmanager
def seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Torch's random state set to `seed`, and set back afterwards."""
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        yield
