"""Whether the rows of a series table lie in the order of their keys: far cheaper to find out than to sort them again."""

import numpy as np
import polars as pl

from forecasting.schema import DS, UNIQUE_ID


def is_sorted(frame: pl.DataFrame) -> bool:
    """Whether no row lies before the one above it by (unique_id, ds)."""
    if frame.height < 2:
        return True
    opens = np.flatnonzero(np.diff(frame[UNIQUE_ID].rle_id().to_numpy().astype(np.int64), prepend=-1))
    ids = frame[UNIQUE_ID].gather(opens)
    if not (ids > ids.shift(1))[1:].all(ignore_nulls=False):
        return False
    goes_on = np.ones(frame.height - 1, dtype=bool)
    goes_on[opens[1:] - 1] = False
    return bool(
        (np.diff(frame[DS].to_physical().to_numpy())[goes_on] >= 0).all()
    )  # a null is NaN, which is never sorted
