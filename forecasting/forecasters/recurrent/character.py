"""What kind of series a fit has before it: how long, how much they vary, how firmly their season repeats.

Comes in: arrays and the rows that a fit may know. Goes out: a handful of numbers, the same for the same rows, that the
defaults go by; medians over series, so that a few odd ones do not decide.
"""

from dataclasses import dataclass

import numpy as np

from forecasting.series.arrays.series_arrays import FloatArray, Origins, SeriesArrays

_MOST_SERIES = 500  # looked at, evenly spread: enough for a median, and a panel of a million is not read twice
_MOST_ROWS = 5_000  # the newest of each


@dataclass(frozen=True)
class Character:
    """`variation`: standard deviation over mean size. `season_error`: the mean error of the value one season ago, over
    that of the mean of the last season: below 1 the season repeats, near 0 it does so firmly; NaN where no season fits in.
    """

    history: int  # observed values of the median series
    n_origins: int  # from which a training target can be forecast, over all series
    non_negative: bool
    variation: float
    season_error: float


def character_of(arrays: SeriesArrays, until: Origins, season_length: int, n_origins: int) -> Character:
    """The character of the rows up to `until`."""
    seen = arrays.n_observed(until)
    history = int(np.median(seen[seen > 0])) if (seen > 0).any() else 0
    every = -(-max(1, len(until)) // _MOST_SERIES)
    variations, seasons, smallest = [], [], np.inf
    for series, row in zip(until.series[::every].tolist(), until.row[::every].tolist(), strict=True):
        y = arrays.history(series, row)[-_MOST_ROWS:]
        y = y[np.isfinite(y)]
        if len(y):
            smallest = min(smallest, float(y.min()))
            variations.append(_variation(y))
            seasons.append(_season_error(y, season_length))
    return Character(history, n_origins, smallest >= 0, _median(variations), _median(seasons))


def _variation(y: FloatArray) -> float:
    size = float(np.abs(y).mean())
    return float(y.std()) / size if size > 0 else float("nan")


def _season_error(y: FloatArray, m: int) -> float:
    if m < 2 or len(y) < 2 * m + 1:
        return float("nan")
    sums = np.cumsum(np.insert(y, 0, 0.0))
    means = (sums[m:] - sums[:-m]) / m  # means[i] of y[i : i + m]
    ahead = y[2 * m - 1 :]  # m steps after the end of that season
    of_mean = float(np.abs(ahead - means[: len(ahead)]).mean())
    return float(np.abs(ahead - y[m - 1 : m - 1 + len(ahead)]).mean()) / of_mean if of_mean > 0 else float("nan")


def _median(values: list[float]) -> float:
    known = [value for value in values if np.isfinite(value)]
    return float(np.median(known)) if known else float("nan")
