"""How many inner cutoffs there are, how far apart they lie, and how much of the history they hold back from a fit.

Comes in: arrays, the origins up to which a fit may look, the config's numbers. Goes out: plain numbers for
`cutoffs.inner_origins`.
"""

from typing import NamedTuple

import numpy as np

from forecasting.series.arrays.cutoffs import first_origins
from forecasting.series.arrays.series_arrays import Origins, SeriesArrays

ENOUGH = 200  # inner origins over all series: choice, weights and calibration then rest on more than a few windows
FEWEST = 2  # windows, however many series: one alone could be a holiday
MOST_HELD_BACK = 0.25  # of the median history


class InnerWindows(NamedTuple):
    """`n_windows` inner cutoffs, `step_size` rows apart."""

    n_windows: int
    step_size: int


def inner_windows(
    arrays: SeriesArrays, until: Origins, horizon: int, n_windows: int | None, step_size: int | None
) -> InnerWindows:
    """The inner windows before `until`; `n_windows` and `step_size` (null: the horizon) are those of the config.

    Without `n_windows` there are as many as make ENOUGH origins over all series, FEWEST at least; but their targets
    stay within MOST_HELD_BACK of the median history, down to one window. These lie a horizon apart at least: windows
    that share most of their targets would tell the same thing many times.
    """
    if n_windows is not None:
        return InnerWindows(n_windows, step_size or horizon)
    apart = max(step_size or horizon, horizon)
    observed = arrays.n_observed(until)
    history = int(np.median(observed)) if len(observed) else 0
    wanted = max(FEWEST, -(-ENOUGH // max(1, len(until))))
    room = int((history * MOST_HELD_BACK - horizon) // apart) + 1  # the first takes a horizon, each further one `apart`
    return InnerWindows(max(1, min(wanted, room)), apart)


def held_back(arrays: SeriesArrays, until: Origins, inner: Origins) -> float:
    """The share of the median series' observed values that lie after its oldest inner cutoff; 0 without any."""
    oldest = first_origins(inner)
    mine = until.take(np.isin(until.series, oldest.series))
    if not len(mine):
        return 0.0
    seen, learnt_from = arrays.n_observed(mine), arrays.n_observed(oldest)  # both are sorted by series
    return float(np.median((seen - learnt_from) / seen))
