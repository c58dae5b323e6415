"""What was known at a cutoff: comes in arrays with all rows, goes out the same layout without anything learnt later."""

from dataclasses import replace

import numpy as np

from forecasting.series.arrays.series_arrays import Origins, SeriesArrays, observed


def as_of(arrays: SeriesArrays, until: Origins) -> SeriesArrays:
    """`arrays` with y and past covariates after each series' row blanked and gaps filled again from what is left.

    `until` holds one origin per series (ValueError for two); a series without one is blanked wholly. The row layout,
    static and known-future covariates stay: they are known at any time.
    """
    if len(np.unique(until.series)) < len(until):
        raise ValueError("as_of needs one origin per series, got several for a series")
    limit = np.asarray(arrays.offsets[:-1] - 1)
    limit[until.series] = until.row
    unknown = np.arange(len(arrays.y)) > np.repeat(limit, np.diff(arrays.offsets))
    y = np.where(unknown, np.nan, arrays.y)
    parts = observed(y, arrays.offsets, arrays.fill, arrays.season_length)
    return replace(
        arrays,
        y=y,
        past=np.where(unknown[:, None], np.nan, arrays.past),
        full=parts.full,
        causal=parts.causal,
        next_observed=parts.next_observed,
        observed_before=parts.observed_before,
        last_observed=parts.last_observed,
    )
