"""What each step of a fit tells: loss, gradient norm before clipping, update-to-weight ratio, whether it was usable.

Kept on the device and fetched in one go. Goes out: means over the steps since the last look, and the steps left out.
"""

import math

import torch
from torch import Tensor

from forecasting.training.optimizer import Told


class Telemetry:
    """Collects what the steps tell."""

    def __init__(self, clip_norm: float | None) -> None:
        self.clip_norm = math.inf if clip_norm is None else clip_norm
        self.n_skipped = 0
        self.in_a_row = 0  # steps skipped up to now without a usable one in between
        self.longest = 0  # the longest such run since `in_a_row` was last set to 0
        self._buffer: list[Tensor] = []
        self._rows: list[tuple[float, float, float]] = []  # usable steps since the last look
        self._last_loss = math.nan

    def add(self, told: Told) -> None:
        """Note one step without waiting for the device."""
        self._buffer.append(torch.stack([value.detach().double() for value in told]))

    def fetch(self) -> None:
        """Bring the buffer over: the only wait for the device."""
        if not self._buffer:
            return
        for loss, norm, ratio, usable in torch.stack(self._buffer).tolist():
            if usable:
                self._rows.append((loss, norm, ratio))
                self._last_loss, self.in_a_row = loss, 0
            else:
                self.n_skipped += 1
                self.in_a_row += 1
                self.longest = max(self.longest, self.in_a_row)
        self._buffer.clear()

    def forgive(self) -> None:
        """Start to count skipped steps in a row anew."""
        self.in_a_row = self.longest = 0

    def take(self) -> dict[str, float]:
        """Means since the last look, and the largest norm; then start anew. Without a usable step the keys are absent."""
        self.fetch()
        rows, self._rows = self._rows, []
        if not rows:
            return {}
        losses, norms, ratios = zip(*rows, strict=True)
        return {
            "train_loss": math.fsum(losses) / len(rows),
            "gradient_norm": math.fsum(norms) / len(rows),
            "gradient_norm_max": max(norms),
            "clip_rate": sum(norm > self.clip_norm for norm in norms) / len(rows),
            "update_ratio": math.fsum(ratios) / len(rows),
        }

    def text(self, best: float | None) -> str:
        """What to show beside a progress bar."""
        told = f"loss {self._last_loss:.4f}"
        return told if best is None else f"{told}, best validation {best:.4f}"
