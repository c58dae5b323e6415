"""The panel: all series as flat tensors on the training device, laid end to end; windows are read from it, never stored.

Comes in: flat numpy arrays. Goes out: `Panel`. y lies in float32 *less the first value of its series*, which stays in
float64: so 4 bytes per value keep 24 bits of each series' movement whatever its level (1e9 + 1 stays apart from 1e9),
a constant series is exact, and the value taken off is one that every origin knows. Readers add it back in float64.
On a GPU the rows lie there where they fit, else in pinned host memory, from which each batch reads its own (`HostRows`).
Axes: S series, N rows, P past and K known-future covariates, A numeric and C categorical static covariates.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

Floats = npt.NDArray[np.floating]
Ints = npt.NDArray[np.int64]

_LARGEST_SHARE = 0.5  # of a GPU's free memory that the rows may take; the rest is for the network and its batches
_CHUNK = 1 << 22  # rows converted at a time, so that building takes little memory beyond the panel
_NEVER = np.iinfo(np.int32).max


class HostRows:
    """A tensor over rows that stays in host memory: what is read of it comes to where the row numbers lie."""

    def __init__(self, values: Tensor) -> None:
        self.values = values.pin_memory() if torch.cuda.is_available() else values

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, row: Tensor) -> Tensor:
        """values[row] on the device of row."""
        return self.values[row.to(self.values.device)].to(row.device, non_blocking=True)


Rows = Tensor | HostRows


@dataclass(frozen=True)
class Panel:
    """Series s begins at row first[s]; row r is observed where wait[r] == 0. NaN in y: unknown."""

    first: Tensor  # (S,) int64
    start: Tensor  # (S,) float64, y of the first row, taken off y_full and y_causal
    y_full: Rows  # (N,) float32, gaps filled from both sides
    y_causal: Rows  # (N,) float32, gaps filled from rows before; the same tensor as y_full where they are alike
    wait: Rows  # (N,) int32, rows until the next observed one, 0 where observed: row o sees full[r] if r + wait[r] <= o
    past: Rows  # (N, P) float32
    known_future: Rows  # (N, K) float32
    static_numeric: Tensor  # (S, A) float32
    static_categories: Tensor  # (S, C) int64

    @property
    def device(self) -> torch.device:
        """Where windows are wanted; the rows lie there too where `is_resident`."""
        return self.first.device

    @property
    def is_resident(self) -> bool:
        """Whether reading a batch stays on the device."""
        return not isinstance(self.y_full, HostRows)

    @property
    def n_rows(self) -> int:
        """N."""
        return len(self.y_full)


def build_panel(
    offsets: Ints,
    full: Floats,
    causal: Floats,
    next_observed: Ints,
    past: Floats,
    known_future: Floats,
    static_numeric: Floats,
    static_categories: Ints,
    device: torch.device,
    *,
    resident: bool | None = None,
) -> Panel:
    """Flat arrays of N rows (series s owns rows offsets[s]:offsets[s+1]) as tensors; covariates are scaled already.

    `resident` null: on the device where the rows take at most half of its free memory.
    """
    first = offsets[:-1]
    start = np.nan_to_num(np.asarray(causal[first], dtype=np.float64), nan=0.0)
    y_full = _from_start(full, start, offsets)
    alike = causal is full or np.array_equal(causal, full, equal_nan=True)
    y_causal = y_full if alike else _from_start(causal, start, offsets)
    rows = {
        "y_full": y_full,
        "wait": _wait(next_observed),
        "past": _float32(past),
        "known_future": _float32(known_future),
    } | ({} if alike else {"y_causal": y_causal})
    if resident is None:
        resident = _fits(sum(tensor.nbytes for tensor in rows.values()), device)
    placed: dict[str, Rows] = {k: v.to(device) if resident else HostRows(v) for k, v in rows.items()}
    return Panel(
        first=torch.from_numpy(np.ascontiguousarray(first, dtype=np.int64)).to(device),
        start=torch.from_numpy(start).to(device),
        y_full=placed["y_full"],
        y_causal=placed.get("y_causal", placed["y_full"]),
        wait=placed["wait"],
        past=placed["past"],
        known_future=placed["known_future"],
        static_numeric=_float32(static_numeric).to(device),
        static_categories=torch.from_numpy(np.ascontiguousarray(static_categories, dtype=np.int64)).to(device),
    )


def _fits(size: int, device: torch.device) -> bool:
    """Whether so many bytes leave enough of the device's memory; the host's own memory holds them already."""
    if device.type != "cuda":
        return True
    free, _ = torch.cuda.mem_get_info(device)
    return size <= _LARGEST_SHARE * free


def _from_start(values: Floats, start: npt.NDArray[np.float64], offsets: Ints) -> Tensor:
    """values - start of their series, in float32; (N,)."""
    moved = np.empty(len(values), dtype=np.float32)
    with np.errstate(over="ignore"):  # beyond float32 it becomes inf, which readers take as unknown
        for begin in range(0, len(values), _CHUNK):
            end = min(begin + _CHUNK, len(values))
            one, other = np.searchsorted(
                offsets, [begin, end - 1], side="right"
            )  # one behind the series of first and last row
            bounds = np.concatenate([[begin], offsets[one:other], [end]])
            moved[begin:end] = values[begin:end] - np.repeat(start[one - 1 : other], np.diff(bounds))
    return torch.from_numpy(moved)


def _wait(next_observed: Ints) -> Tensor:
    """Rows until the next observed one; (N,) int32."""
    N = len(next_observed)
    wait = np.empty(N, dtype=np.int32)
    for begin in range(0, N, _CHUNK):
        rows = np.arange(begin, min(begin + _CHUNK, N))
        ahead = next_observed[rows]
        wait[rows] = np.where(ahead < N, np.minimum(ahead - rows, _NEVER), _NEVER)
    return torch.from_numpy(wait)


def _float32(values: Floats) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(values, dtype=np.float32))
