"""Origins from which a model of many series has nothing to say: comes in arrays and origins, goes out a reason for each such.

What `flags` says of a series as a whole is said here of what an origin knows, so that no later value decides it. A series
that is too short is left to the forecaster, which knows how much it needs.
"""

import numpy as np
import numpy.typing as npt

from forecasting.series.arrays.series_arrays import Origins, SeriesArrays, missing_future

Reasons = npt.NDArray[np.object_]


def unlearnable(arrays: SeriesArrays, origins: Origins) -> Reasons:
    """Why the history of an origin is constant or stale, None where it is neither; (O,)."""
    reasons = np.full(len(origins), None, dtype=object)
    rows = np.arange(len(arrays.y))
    seen = ~np.isnan(arrays.y)
    first = np.repeat(arrays.y[arrays.offsets[:-1]], np.diff(arrays.offsets))
    change = np.minimum.reduceat(np.where(seen & (arrays.y != first), rows, len(rows)), arrays.offsets[:-1])
    newest = np.maximum.accumulate(np.where(seen, rows, -1))[origins.row]
    counts = arrays.n_observed(origins)
    for o in np.flatnonzero((change[origins.series] > origins.row) & (counts > 1)):
        reasons[o] = f"constant: all {counts[o]} observed values are equal"
    if arrays.max_gap is not None:
        late = origins.row - newest
        for o in np.flatnonzero(late > arrays.max_gap):
            reasons[o] = f"stale: no y in the last {late[o]} periods, max_gap is {arrays.max_gap}"
    return reasons


def unknown_ahead(arrays: SeriesArrays, origins: Origins, horizon: int) -> Reasons:
    """Which known-future covariates are not known over the horizon of an origin, None where all are; (O,)."""
    reasons = np.full(len(origins), None, dtype=object)
    for name, which in missing_future(arrays, origins, horizon).items():
        for o in which:
            reasons[o] = f"{reasons[o]}, {name}" if reasons[o] else f"not known over the horizon: {name}"
    return reasons
