"""Whether the rows of a series table lie in the order of their keys: far cheaper to find out than to sort them again."""

import numpy as np
import polars as pl

from forecasting.schema import DS, UNIQUE_ID


def is_sorted(frame: pl.DataFrame) -> bool:
    """Whether no row lies before the one above it by (unique_id, ds)."""
    if frame.height < 2:
        return True
    runs = frame[UNIQUE_ID].rle().struct.unnest()
    ids, ends = runs["value"], np.cumsum(runs["len"].to_numpy().astype(np.int64))
    if not (ids > ids.shift(1))[1:].all(ignore_nulls=False):
        return False
    ascends = np.diff(frame[DS].to_physical().to_numpy()) >= 0  # a null is NaN, which never ascends
    ascends[ends[:-1] - 1] = True
    return bool(ascends.all())
