"""Many histories at once, laid end to end: what closed-form baselines compute on, so that a panel costs no Python loop.

Sums are made history by history, so the forecast of one does not depend, to the bit, on which others are in the batch.
"""

from dataclasses import dataclass

import numpy as np

from forecasting.series.arrays.series_arrays import FloatArray, IntArray, Origins, SeriesArrays


@dataclass(frozen=True)
class Histories:
    """O gap-free histories, none empty: history i is values[starts[i]:starts[i+1]]."""

    values_N: FloatArray
    starts: IntArray  # (O+1,)

    @property
    def lengths(self) -> IntArray:
        """Number of periods."""
        return np.diff(self.starts)

    @property
    def first(self) -> FloatArray:
        """Oldest values."""
        return self.values_N[self.starts[:-1]]

    @property
    def last(self) -> FloatArray:
        """Newest values."""
        return self.values_N[self.starts[1:] - 1]

    def lagged_sums(self, changes_N: FloatArray, lag: int) -> FloatArray:
        """Sum over each history of the squares of `changes_N` (values before its row `lag` left out); (O,)."""
        squares = np.square(changes_N)
        row = np.arange(len(squares)) - np.repeat(self.starts[:-1], self.lengths)
        squares[row < lag] = 0.0
        return np.asarray(np.add.reduceat(squares, self.starts[:-1]))

    def changes(self, lag: int) -> FloatArray:
        """Each value less the one `lag` rows before; (N,), meaningless in the first `lag` rows of a history."""
        changes = np.zeros_like(self.values_N)
        changes[lag:] = self.values_N[lag:] - self.values_N[:-lag]
        return changes


def single(y: FloatArray) -> Histories:
    """One history (T,)."""
    return Histories(y, np.array([0, len(y)]))


def histories(arrays: SeriesArrays, origins: Origins, longest: int | None) -> Histories:
    """What each origin may see, gaps filled from what was known there, at most the `longest` newest periods."""
    lengths = origins.row + 1 - arrays.offsets[origins.series]
    if longest is not None:
        lengths = np.minimum(lengths, longest)
    starts = np.concatenate([[0], np.cumsum(lengths)])
    # Slices: with one index for all rows the long histories of many origins took four times as long.
    pieces = [slice(row + 1 - n, row + 1) for row, n in zip(origins.row.tolist(), lengths.tolist(), strict=True)]
    values = np.concatenate([arrays.full[piece] for piece in pieces])
    unknown = np.concatenate([arrays.next_observed[piece] >= piece.stop for piece in pieces])
    if unknown.any():
        values[unknown] = np.concatenate([arrays.causal[piece] for piece in pieces])[unknown]
    return Histories(values, starts)
