"""The window index: which rows of which series may be forecast origins in training; memory grows with series only.

Comes in: offsets, counts of observed values, the last row a fit may know. Goes out: `WindowIndex`. Origin o of series s
is allowed where at least `min_history` values are observed up to o and its whole horizon ends by the last row that may
be known. Targets that are unobserved inside the horizon are left to the loss mask.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class WindowSummary:
    """Per series: training windows, observed values up to the last row that may be known, whether it has no window."""

    n_windows: Ints  # (S,)
    n_observed: Ints  # (S,)
    too_short: npt.NDArray[np.bool_]  # (S,)


@dataclass(frozen=True)
class WindowIndex:
    """Series s has the origins first[s], first[s] + 1, ... (count[s] of them); window k counts through all of them."""

    first: Ints  # (S,) row of the first origin
    count: Ints  # (S,)
    observed: Ints  # (S,) observed values up to the last row that may be known

    @cached_property
    def cumulative(self) -> Ints:
        """Windows in series 0..s; (S,)."""
        return np.cumsum(self.count)

    def __len__(self) -> int:
        return int(self.cumulative[-1]) if len(self.count) else 0

    def summary(self) -> WindowSummary:
        """What the `window` stage reports."""
        return WindowSummary(self.count, self.observed, self.count == 0)


def build_index(
    offsets: Ints, next_observed: Ints, observed_before: Ints, known_until: Ints, min_history: int, horizon: int
) -> WindowIndex:
    """Index the origins of S series; known_until (S,) is the last row that a target may lie in, -1: leave the series out.

    With a `min_history` of 0 every row is an origin, the first one too. `observed_before` counts observed y from a series' first row to each row, that row included (N,).
    """
    begin, used = offsets[:-1], known_until >= offsets[:-1]
    enough = _first_with(offsets, next_observed, observed_before, min_history) if min_history else begin
    count = np.where(used & (enough >= 0), np.maximum(0, known_until - horizon - enough + 1), 0)
    observed = np.where(used, observed_before[np.where(used, known_until, 0)], 0)
    return WindowIndex(np.where(count > 0, enough, begin), count.astype(np.int64), observed.astype(np.int64))


def _first_with(offsets: Ints, next_observed: Ints, observed_before: Ints, n: int) -> Ints:
    """The first row of each series with n observed values up to it, -1 where there is none; (S,)."""
    here = next_observed == np.arange(len(next_observed))
    rows = np.flatnonzero((observed_before == n) & here)
    found = np.full(len(offsets) - 1, -1, dtype=np.int64)
    found[np.searchsorted(offsets, rows, side="right") - 1] = rows
    return found
