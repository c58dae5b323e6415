"""Scores side by side: only pairs of series and cutoff where every model has a value, so all are compared alike.

Pairs that share their luck are put into one group: what a test may resample.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import polars as pl

from forecasting.schema import CUTOFF, UNIQUE_ID
from forecasting.series.arrays.series_arrays import FloatArray, IntArray

FEW_SERIES = 8  # below it the groups are blocks of time, where there are more of them than series
BLOCKS = 10


@dataclass(frozen=True)
class Pairs:
    """P pairs, sorted by (unique_id, cutoff), so in time order within a series."""

    ids: npt.NDArray[np.object_]  # (P,) the series of each pair
    values: dict[str, FloatArray]  # model -> (P,)
    time: IntArray  # (P,) the number of each pair's cutoff, from the oldest

    def __len__(self) -> int:
        return len(self.ids)

    def mean(self, model: str) -> float | None:
        """Mean value of a model, None where there are no pairs."""
        return float(np.mean(self.values[model])) if len(self) else None


@dataclass(frozen=True)
class Groups:
    """G groups of pairs that are taken as independent of each other: whole series, or blocks of neighbouring cutoffs."""

    kind: Literal["series", "blocks of cutoffs"]
    of: IntArray  # (P,) the group of each pair

    def __len__(self) -> int:
        return int(self.of.max(initial=-1)) + 1

    def sums(self, *columns: FloatArray) -> FloatArray:
        """The sum of each column (P,) over each group; (G, columns)."""
        return np.stack([np.bincount(self.of, column, len(self)) for column in columns], axis=1)


def common_pairs(scores: pl.DataFrame, models: Sequence[str]) -> Pairs:
    """The values of one metric (columns unique_id, cutoff, model, value) on the pairs that all `models` have.

    Raises ValueError where a model has two values for a pair: of two runs or metrics, for example.
    """
    key = [UNIQUE_ID, CUTOFF]
    mine = scores.filter(pl.col("model").is_in(list(models)))
    if mine.select(*key, "model").is_duplicated().any():
        raise ValueError("scores must hold one value for each model, series and cutoff, got several")
    defined = mine.filter(pl.col("value").is_finite().fill_null(False)).sort(*key, "model")
    complete = defined.filter(pl.len().over(key) == len(set(models)))
    values = {model: complete.filter(pl.col("model") == model)["value"].to_numpy() for model in models}
    first = complete.filter(pl.col("model") == models[0]) if models else complete.clear()
    time = first[CUTOFF].rank("dense").to_numpy().astype(np.int64) - 1
    return Pairs(first[UNIQUE_ID].to_numpy().astype(object), values, time)


def groups_of(pairs: Pairs, overlap: int = 1) -> Groups:
    """What may be resampled: series with all their cutoffs, since a hard series is hard at each of them.

    A handful of series cannot speak for others. There the question is narrowed to the same series at other times, and
    the groups are blocks of neighbouring cutoffs over all series: sqrt(P) blocks of the P cutoffs (batch means, Schmeiser
    1982), but at least `BLOCKS`, and each twice as long as horizons overlap (`overlap` cutoffs), so that what lasts
    from one cutoff to the next mostly stays within a block.
    """
    series = np.unique(pairs.ids.astype(str), return_inverse=True)[1] if len(pairs) else pairs.time
    n_series, times = int(series.max(initial=-1)) + 1, np.unique(pairs.time)
    length = max(len(times) // max(BLOCKS, round(len(times) ** 0.5)), 2 * overlap if overlap > 1 else 1)
    n_blocks = len(times) // length
    if n_series >= FEW_SERIES or n_blocks <= n_series:
        return Groups("series", series)
    place = np.searchsorted(times, pairs.time)
    return Groups("blocks of cutoffs", np.minimum(place // length, n_blocks - 1))
