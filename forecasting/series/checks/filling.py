"""Fills gaps of flat series: comes in y with NaN where unobserved, goes out `full` (what a later observation allows)
and `causal` (what the past alone allows).

An origin at row o may read full[r] only where the next observed row after r is at or before o; see `SeriesArrays`.
forward and none: the last observed value. interpolate: a straight line between the two neighbours, in `causal` the last
observed value. seasonal: the value one season before (itself filled where needed), in the first season the last
observed value. zero: 0. `none` asks for no imputation, but networks and statistics need numbers, so it carries forward
like `forward`; y keeps its NaN under every method and stays the mask of what was observed.
"""

from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from forecasting.errors import unknown

Fill = Literal["none", "forward", "interpolate", "seasonal", "zero"]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


def next_observed_rows(y: Floats, offsets: Ints) -> Ints:
    """First row >= r of the same series with an observed y, len(y) where there is none; (N,)."""
    N = len(y)
    rows = np.where(np.isnan(y), N, np.arange(N))
    ahead = np.minimum.accumulate(rows[::-1])[::-1]
    return np.where(ahead < _series_ends(offsets), ahead, N)


def fill_gaps(
    y: Floats, offsets: Ints, method: str, season_length: int, following: Ints | None = None
) -> tuple[Floats, Floats]:
    """(full, causal) of S series laid end to end, both (N,); rows before a series' first observed y stay NaN. `following`:
    `next_observed_rows`, where they are known already.

    Trailing gaps (no later observation) are alike in both. Raises InputError for an unknown method.
    """
    if method not in get_args(Fill):
        raise unknown("fill", method, list(get_args(Fill)), "data.quality.fill")
    previous = _previous_rows(np.isnan(y), np.repeat(offsets[:-1], np.diff(offsets)))
    known = previous >= 0
    forward = np.where(known, y[previous], np.nan) if len(y) else y.copy()
    if method == "zero":
        zero = np.where(np.isnan(y) & known, 0.0, y)
        return zero, zero
    if method == "seasonal":
        seasonal = _seasonal(y, offsets, season_length, forward)
        return seasonal, seasonal
    if method == "interpolate":
        following = next_observed_rows(y, offsets) if following is None else following
        return _interpolated(y, previous, following, forward), forward
    return forward, forward


def _series_ends(offsets: Ints) -> Ints:
    return np.repeat(offsets[1:], np.diff(offsets))


def _previous_rows(missing: npt.NDArray[np.bool_], starts: Ints) -> Ints:
    """Last row <= r with a value and not before starts[r], the first row of r's block; -1 where there is none."""
    rows = np.maximum.accumulate(np.where(missing, -1, np.arange(len(missing)))) if len(missing) else starts
    return np.where(rows >= starts, rows, -1)


def _interpolated(y: Floats, previous: Ints, following: Ints, forward: Floats) -> Floats:
    gap = np.flatnonzero(np.isnan(y) & (previous >= 0) & (following < len(y)))
    before, after = previous[gap], following[gap]
    share = (gap - before) / np.maximum(after - before, 1)
    full = forward.copy()
    full[gap] = y[before] * (1.0 - share) + y[after] * share  # never overflows between two float32 numbers
    return full


def _seasonal(y: Floats, offsets: Ints, season_length: int, forward: Floats) -> Floats:
    """Rows ordered by (series, row mod season) turn `one season before` into `the row before`."""
    series = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
    block = series * season_length + (np.arange(len(y)) - offsets[series]) % season_length
    order = np.argsort(block, kind="stable")
    block = block[order]
    starts = np.searchsorted(block, block, side="left")
    values = y[order]
    previous = _previous_rows(np.isnan(values), starts)
    filled = np.empty_like(y)
    filled[order] = np.where(previous >= 0, values[previous], np.nan) if len(y) else values
    return np.where(np.isnan(filled), forward, filled)
