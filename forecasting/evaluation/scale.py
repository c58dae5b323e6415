"""The in-sample error of the seasonal naive: what MASE and RMSSE divide by, as known at each origin."""

import numpy as np

from forecasting.series.arrays import FloatArray, Origins, SeriesArrays


def in_sample_scale(arrays: SeriesArrays, origins: Origins, season_length: int) -> tuple[FloatArray, FloatArray]:
    """Mean |y_t - y_{t-m}| and mean (y_t - y_{t-m})^2 over pairs observed at t <= the origin's row, m = season_length.

    Both (O,); NaN where there is no such pair, 0 for a series that repeats its season exactly. Hyndman and Koehler
    2006, Another look at measures of forecast accuracy.
    """
    absolute, squared = np.full(len(origins), np.nan), np.full(len(origins), np.nan)
    order = np.argsort(origins.series, kind="stable")
    series, starts = np.unique(origins.series[order], return_index=True)
    for s, mine in zip(series, np.split(order, starts[1:]), strict=True):
        first, last = int(arrays.offsets[s]), int(origins.row[mine].max())
        y = arrays.y[first : last + 1]
        change = y[season_length:] - y[:-season_length]  # (rows - m,), NaN where one of the pair is unobserved
        observed = np.isfinite(change)
        change = np.where(observed, change, 0.0)
        # Pair i ends at row first + m + i; an origin knows the pairs before this position, none where it is below 1.
        known = np.maximum(origins.row[mine] - first - season_length + 1, 0)
        count, total, squares = (
            np.concatenate([[0.0], np.cumsum(v)])[known] for v in (observed.astype(float), np.abs(change), change**2)
        )
        some = count > 0
        absolute[mine[some]] = total[some] / count[some]
        squared[mine[some]] = squares[some] / count[some]
    return absolute, squared
