"""Scores side by side: only pairs of series and cutoff where every model has a value, so all are compared alike."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from forecasting.schema import CUTOFF, UNIQUE_ID
from forecasting.series.arrays import FloatArray


@dataclass(frozen=True)
class Pairs:
    """P pairs, sorted by (unique_id, cutoff), so in time order within a series."""

    ids: npt.NDArray[np.object_]  # (P,) the series of each pair
    values: dict[str, FloatArray]  # model -> (P,)

    def __len__(self) -> int:
        return len(self.ids)

    def mean(self, model: str) -> float | None:
        """Mean value of a model, None where there are no pairs."""
        return float(np.mean(self.values[model])) if len(self) else None


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
    ids = complete.filter(pl.col("model") == models[0])[UNIQUE_ID].to_numpy().astype(object) if models else np.array([])
    return Pairs(ids, values)
