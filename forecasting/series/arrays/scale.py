"""What scores are divided by, as known at each origin: the in-sample error of the seasonal naive, the standard deviation."""

import numpy as np

from forecasting.series.arrays.series_arrays import FloatArray, IntArray, Origins, SeriesArrays


def in_sample_scale(arrays: SeriesArrays, origins: Origins, season_length: int) -> tuple[FloatArray, FloatArray]:
    """Mean |y_t - y_{t-m}| and mean (y_t - y_{t-m})^2 over pairs observed at t <= the origin's row, m = season_length.

    Both (O,); NaN where there is no such pair, 0 for a series that repeats its season exactly. Hyndman and Koehler
    2006, Another look at measures of forecast accuracy.
    """
    if not len(origins):
        return np.zeros(0), np.zeros(0)
    row, which = np.unique(origins.row, return_inverse=True)  # a row belongs to one series
    series = np.searchsorted(arrays.offsets, row, side="right") - 1
    change = np.full(len(arrays.y) + 1, np.nan)  # one more: the end of the last piece
    change[season_length:-1] = arrays.y[season_length:] - arrays.y[:-season_length]
    begin = arrays.offsets[series] + season_length
    observed = np.isfinite(change)
    change = np.where(observed, change, 0.0)
    count, total, squares = (
        _sums(values, begin, row + 1) for values in (observed.astype(float), np.abs(change), change**2)
    )
    with np.errstate(invalid="ignore"):
        return (total / count)[which], (squares / count)[which]


def _sums(values: FloatArray, begin: IntArray, end: IntArray) -> FloatArray:
    """Sums of values[begin:end], 0 where empty; (O,). Each by itself: its bits do not depend on the other origins."""
    limit = len(values) - 1
    bounds = np.stack([np.minimum(begin, limit), np.minimum(end, limit)], axis=1).ravel()
    return np.where(begin < end, np.add.reduceat(values, bounds)[::2], 0.0)


def standard_deviation(arrays: SeriesArrays, origins: Origins, until: Origins | None = None) -> FloatArray:
    """Standard deviation (divided by n) of the y observed up to each origin's row; (O,), NaN below two values.

    With `until` (one origin per series) the same rows serve all origins of a series, as long-horizon benchmarks
    standardise by their training part; a series that `until` lacks is taken up to each origin.
    """
    limit = origins.row.copy()
    if until is not None:
        rows = np.full(arrays.n_series, -1)
        rows[until.series] = until.row
        limit = np.where(rows[origins.series] >= 0, rows[origins.series], limit)
    pairs, which = np.unique(np.stack([arrays.offsets[origins.series], limit]), axis=1, return_inverse=True)
    values = np.full(pairs.shape[1], np.nan)
    for i, (first, last) in enumerate(pairs.T):
        seen = arrays.y[first : last + 1]
        seen = seen[np.isfinite(seen)]
        if len(seen) >= 2:
            values[i] = seen.std()
    return values[which]
