"""Some of the series: comes in arrays and which series, goes out arrays of these alone, rows numbered anew."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from forecasting.series.arrays.series_arrays import Origins, SeriesArrays, observed


def take_series(arrays: SeriesArrays, series: Sequence[int]) -> SeriesArrays:
    """The arrays of `series` (ascending positions), filled as they would be by themselves."""
    which = np.asarray(series, dtype=np.int64)
    sizes = np.diff(arrays.offsets)[which]
    offsets = np.concatenate([[0], np.cumsum(sizes)])
    rows = np.arange(offsets[-1]) + np.repeat(arrays.offsets[which] - offsets[:-1], sizes)
    y = arrays.y[rows]
    return replace(
        arrays,
        ids=[arrays.ids[s] for s in which],
        offsets=offsets,
        ds=arrays.ds.gather(rows),
        y=y,
        **observed(y, offsets, arrays.fill, arrays.season_length)._asdict(),
        static_numeric=arrays.static_numeric[which],
        static_categories=arrays.static_categories[which],
        past=arrays.past[rows],
        known_future=arrays.known_future[rows],
    )


def take_origins(origins: Origins, arrays: SeriesArrays, series: Sequence[int]) -> Origins:
    """The origins of `series` as they lie in `take_series(arrays, series)`."""
    which = np.asarray(series, dtype=np.int64)
    place = np.full(arrays.n_series, -1)
    place[which] = np.arange(len(which))
    mine = origins.take(np.flatnonzero(place[origins.series] >= 0))
    begins = np.concatenate([[0], np.cumsum(np.diff(arrays.offsets)[which])])
    position = place[mine.series]
    return Origins(position, mine.row - arrays.offsets[mine.series] + begins[position], mine.window)
