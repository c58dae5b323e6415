"""Every pair of models compared: the skill of one against the other, who wins how often, and whether it may be luck.

Comes in: the values of one metric on common pairs. Goes out: a table with one row per pair of models.
"""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import polars as pl

from forecasting.evaluation.diebold_mariano import diebold_mariano
from forecasting.evaluation.pairs import Groups, Pairs
from forecasting.evaluation.significance import compare
from forecasting.series.arrays.series_arrays import FloatArray

SCHEMA = {
    "model": pl.String,
    "against": pl.String,
    "skill": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
    "win_rate": pl.Float64,
    "win_low": pl.Float64,
    "win_high": pl.Float64,
    "p_value": pl.Float64,
    "p_holm": pl.Float64,
    "dm_statistic": pl.Float64,
    "dm_p_value": pl.Float64,
    "reason": pl.String,
}


def comparisons(pairs: Pairs, groups: Groups, seed: int, confidence: float = 0.95, overlap: int = 1) -> pl.DataFrame:
    """One row per pair, the better model (by its mean) first; sorted by the means. Empty without pairs.

    `p_value` is that of a skill of at most 0 (see `significance.compare`), `p_holm` the same corrected for all pairs,
    `dm_*` the two-sided test of Diebold and Mariano over the mean loss at each cutoff, or null with the reason.
    """
    order = sorted(pairs.values, key=lambda model: (pairs.mean(model) or 0.0, model)) if len(pairs) else []
    rows = []
    for model, against in combinations(order, 2):
        found = compare(pairs.values[model], pairs.values[against], groups, seed, confidence=confidence)
        test = diebold_mariano(_by_cutoff(pairs, model), _by_cutoff(pairs, against), overlap)
        bounds = (found.low, found.high, found.win_rate, found.win_low, found.win_high, found.p_value)
        rows.append((model, against, _finite(found.skill), *bounds, None, test.statistic, test.p_value, test.reason))
    table = pl.DataFrame(rows, schema=SCHEMA, orient="row")
    return table.with_columns(p_holm=pl.Series(holm(table["p_value"].to_list()), dtype=pl.Float64))


def holm(p_values: Sequence[float]) -> list[float]:
    """P values corrected for their number, so that one error among all is as rare as it was in one (Holm 1979)."""
    p = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(p, kind="stable")
    steps = np.maximum.accumulate(p[order] * (len(p) - np.arange(len(p))))
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(steps, 1.0)
    return [float(value) for value in adjusted]


def _by_cutoff(pairs: Pairs, model: str) -> FloatArray:
    """The mean value of a model over the series at each cutoff, oldest first."""
    count = np.bincount(pairs.time)
    return np.asarray(np.bincount(pairs.time, pairs.values[model])[count > 0] / count[count > 0])


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None
