"""Draws training windows: each of the index's windows is as likely as any other, with replacement.

The draw runs on the CPU from a generator of its own, so that CPU and GPU train on the same windows in the same order.
"""

import torch
from torch import Tensor

from forecasting.windows.index import WindowIndex


class WindowSampler:
    """An endless stream of batches (series, row), each (B,) int64 on `device`."""

    def __init__(self, index: WindowIndex, batch_size: int, seed: int, device: torch.device) -> None:
        self.batch_size, self.device = batch_size, device
        self.generator = torch.Generator().manual_seed(seed)
        self._total = len(index)
        self._first = torch.from_numpy(index.first)
        self._cumulative = torch.from_numpy(index.cumulative)
        self._before = self._cumulative - torch.from_numpy(index.count)

    def draw(self) -> tuple[Tensor, Tensor]:
        """The next batch of series and origin rows."""
        k = torch.randint(self._total, (self.batch_size,), generator=self.generator)
        series = torch.searchsorted(self._cumulative, k, right=True)
        row = self._first[series] + k - self._before[series]
        return series.to(self.device), row.to(self.device)
