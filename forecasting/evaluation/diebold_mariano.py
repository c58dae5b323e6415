"""The test of Diebold and Mariano 1995 (Comparing predictive accuracy), corrected for small samples.

Comes in: the loss of two forecasters at each of n cutoffs in time order. Goes out: the statistic and its two-sided p
value. Correction and Student's law: Harvey, Leybourne and Newbold 1997 (Testing the equality of prediction mean squared
errors).
"""

from dataclasses import dataclass

import numpy as np
import scipy  # scipy.stats takes a second to load: on its first use, which is long after the start

from forecasting.series.arrays.series_arrays import FloatArray

FEWEST = 8  # cutoffs; the smallest sample that Harvey, Leybourne and Newbold have tried


@dataclass(frozen=True)
class DieboldMariano:
    """`statistic` is negative where the first one's losses are lower; null with a reason where there is no answer."""

    statistic: float | None
    p_value: float | None
    n: int
    reason: str | None = None


def diebold_mariano(first: FloatArray, second: FloatArray, overlap: int = 1) -> DieboldMariano:
    """Whether the mean losses (n,) differ; horizons of `overlap` neighbouring cutoffs overlap, 1 where they do not.

    The long-run variance sums the autocovariances up to lag overlap - 1; where that is not positive they are weighted
    after Bartlett, which always is.
    """
    d = np.asarray(first - second, dtype=np.float64)
    n, h = len(d), max(1, overlap)
    if n < max(FEWEST, 2 * h):
        return DieboldMariano(None, None, n, f"at least {max(FEWEST, 2 * h)} cutoffs are needed, got {n}")
    centred = d - d.mean()
    covariances = np.array([centred[k:] @ centred[: n - k] / n for k in range(h)])
    variance = covariances[0] + 2 * covariances[1:].sum()
    if variance <= 0:
        variance = covariances[0] + 2 * (1 - np.arange(1, h) / h) @ covariances[1:]
    if variance <= 1e-30 * max(1.0, float(d.mean()) ** 2):
        return DieboldMariano(None, None, n, "the losses differ by the same amount at every cutoff")
    correction = np.sqrt((n + 1 - 2 * h + h * (h - 1) / n) / n)
    statistic = float(correction * d.mean() / np.sqrt(variance / n))
    return DieboldMariano(statistic, float(2 * scipy.stats.t.sf(abs(statistic), n - 1)), n)
