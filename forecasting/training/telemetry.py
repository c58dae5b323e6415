"""What each step of a fit tells: loss, gradient norm before clipping. Kept on the device and fetched in one go.

Goes out: means over the steps since the last look, and how many steps were skipped for a non-finite loss or gradient.
"""

import math

import torch
from torch import Tensor


class Telemetry:
    """Collects pairs (loss, gradient norm), each a scalar tensor."""

    def __init__(self, clip_norm: float | None) -> None:
        self.clip_norm = math.inf if clip_norm is None else clip_norm
        self.n_skipped = 0
        self.longest_skip = 0  # skipped steps in a row
        self._in_a_row = 0
        self._buffer: list[Tensor] = []
        self._rows: list[tuple[float, float]] = []  # finite steps since the last look
        self._last_loss = math.nan

    def add(self, loss: Tensor, norm: Tensor) -> None:
        """Note one step without waiting for the device."""
        self._buffer.append(torch.stack((loss.float(), norm.float())))

    def fetch(self) -> None:
        """Bring the buffer over: the only wait for the device."""
        if not self._buffer:
            return
        for loss, norm in torch.stack(self._buffer).tolist():
            if math.isfinite(loss) and math.isfinite(norm):
                self._rows.append((loss, norm))
                self._last_loss, self._in_a_row = loss, 0
            else:
                self.n_skipped += 1
                self._in_a_row += 1
                self.longest_skip = max(self.longest_skip, self._in_a_row)
        self._buffer.clear()

    def take(self) -> dict[str, float]:
        """Means since the last look, then start anew; without a finite step the keys are absent."""
        self.fetch()
        rows, self._rows = self._rows, []
        if not rows:
            return {}
        losses, norms = zip(*rows, strict=True)
        clipped = sum(norm > self.clip_norm for norm in norms)
        return {
            "train_loss": math.fsum(losses) / len(rows),
            "gradient_norm": math.fsum(norms) / len(rows),
            "clip_rate": clipped / len(rows),
        }

    def text(self, best: float | None) -> str:
        """What to show beside a progress bar."""
        told = f"loss {self._last_loss:.4f}"
        return told if best is None else f"{told}, best validation {best:.4f}"
