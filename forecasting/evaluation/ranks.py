"""Mean ranks of many models over many groups, and how far apart they must lie to be told apart.

Friedman 1937 (The use of ranks) in the form of Iman and Davenport 1980, and the critical difference of Nemenyi 1963, as
put together by Demsar 2006, Statistical comparisons of classifiers over multiple data sets.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import scipy  # scipy.stats takes a second to load: on its first use, which is long after the start

from forecasting.series.arrays.series_arrays import FloatArray


@dataclass(frozen=True)
class Ranking:
    """`mean` rank of each model (1 is best), the p value that all are alike, and the critical difference of two ranks.

    p value and difference are null with fewer than two groups or models.
    """

    mean: dict[str, float]
    p_value: float | None
    critical_difference: float | None
    n_groups: int


def ranking(values: Mapping[str, FloatArray], confidence: float = 0.95) -> Ranking:
    """From the values of each model in each of N groups (N,), lower is better; ties share their ranks."""
    names = list(values)
    table = np.column_stack([values[name] for name in names]) if names else np.zeros((0, 0))
    N, k = table.shape
    if N == 0:
        return Ranking(dict.fromkeys(names, float("nan")), None, None, 0)
    ranks = scipy.stats.rankdata(table, axis=1)
    mean = ranks.mean(axis=0)
    told = dict(zip(names, map(float, mean), strict=True))
    if N < 2 or k < 2:
        return Ranking(told, None, None, N)
    return Ranking(told, _friedman(mean, N), critical_difference(k, N, confidence), N)


def critical_difference(n_models: int, n_groups: int, confidence: float = 0.95) -> float:
    """q sqrt(k (k + 1) / (6 N)), where q is that quantile of the studentised range, divided by sqrt(2)."""
    q = float(scipy.stats.studentized_range.ppf(confidence, n_models, np.inf)) / np.sqrt(2)
    return float(q * np.sqrt(n_models * (n_models + 1) / (6 * n_groups)))


def _friedman(mean: FloatArray, N: int) -> float:
    """p value of the F of Iman and Davenport; 0 where every group ranks the models alike."""
    k = len(mean)
    chi2 = 12 * N / (k * (k + 1)) * float(np.sum((mean - (k + 1) / 2) ** 2))
    rest = N * (k - 1) - chi2
    return float(scipy.stats.f.sf((N - 1) * chi2 / rest, k - 1, (k - 1) * (N - 1))) if rest > 1e-12 else 0.0
