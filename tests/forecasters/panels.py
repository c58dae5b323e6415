"""Small panels as SeriesArrays, built by hand: series laid end to end, gaps forward filled, horizon rows at the end."""

from itertools import pairwise

import numpy as np
import polars as pl

from forecasting.series.arrays.series_arrays import FloatArray, Origins, SeriesArrays


def panel(series: dict[str, list[float] | FloatArray], horizon: int) -> SeriesArrays:
    """Each series starts and ends with an observed value; NaN in between is a gap."""
    blocks = [np.append(np.asarray(y, dtype=float), np.full(horizon, np.nan)) for y in series.values()]
    offsets = np.cumsum([0] + [len(block) for block in blocks])
    y = np.concatenate(blocks)
    seen = ~np.isnan(y)
    rows = np.arange(len(y))
    last_seen = np.maximum.accumulate(np.where(seen, rows, 0))
    next_seen = np.minimum.accumulate(np.where(seen, rows, len(y))[::-1])[::-1]
    n_before = np.concatenate([np.cumsum(part) for part in np.split(seen, offsets[1:-1])])
    last = np.array([np.flatnonzero(seen[a:b])[-1] + a for a, b in pairwise(offsets)])
    none = np.empty((len(y), 0))
    return SeriesArrays(
        ids=list(series),
        offsets=offsets,
        ds=pl.Series("ds", np.concatenate([np.arange(len(block)) for block in blocks]), dtype=pl.Int64),
        y=y,
        full=y[last_seen],
        causal=y[last_seen],
        next_observed=next_seen,
        observed_before=n_before,
        last_observed=last,
        static_numeric=np.empty((len(series), 0)),
        static_categories=np.empty((len(series), 0), dtype=object),
        past=none,
        known_future=none,
    )


def last_origins(arrays: SeriesArrays, back: tuple[int, ...] = (0,)) -> Origins:
    """For every series the origins `back` rows before its last observed one."""
    series = np.repeat(np.arange(arrays.n_series), len(back))
    row = (arrays.last_observed[:, None] - np.array(back)).ravel()
    return Origins(series, row, np.tile(np.arange(len(back))[::-1], arrays.n_series))
