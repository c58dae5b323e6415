"""Cutoffs: comes in arrays, goes out `Origins` to be forecast from, for evaluation, for tuning and for prediction.

Evaluation cutoffs are counted back from the end: the newest leaves exactly the horizon, older ones lie `step_size`
apart. Inner cutoffs (tuning, early stopping) lie so far before that even their horizons end by the oldest evaluation
cutoff.
"""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime

import numpy as np
import polars as pl

from forecasting.errors import InputError
from forecasting.series.arrays import Align, IntArray, Origins, SeriesArrays, default_align


@dataclass(frozen=True)
class EvaluationSettings:
    """Rolling-origin backtest: `n_windows` cutoffs, `step_size` apart (null: the horizon); `refit` trains again at
    each.

    `align` null: series_end for integer `ds`, else calendar.
    """

    __pydantic_config__ = {"extra": "forbid"}  # noqa: RUF012 - read by pydantic where the config file is parsed

    n_windows: int = 3
    step_size: int | None = None
    align: Align | None = None
    refit: bool = False
    primary_metric: str = "mase"
    metrics: list[str] = field(default_factory=lambda: ["mase", "smape", "wql", "coverage"])

    def __post_init__(self) -> None:
        if self.n_windows < 1:
            raise InputError(f"n_windows must be at least 1, got {self.n_windows}: set evaluation.n_windows")
        if self.step_size is not None and self.step_size < 1:
            raise InputError(f"step_size must be at least 1, got {self.step_size}: set evaluation.step_size")


def evaluation_origins(
    arrays: SeriesArrays, horizon: int, n_windows: int, step_size: int | None, align: str | None
) -> Origins:
    """Up to `n_windows` origins per series, sorted by (series, window), window 0 the oldest.

    Kept are those with an observed y at or before the row and at least one observed target. Raises InputError where no
    series has any, and ValueError where arrays aligned by series end are asked for calendar cutoffs.
    """
    newest = _end_rows(arrays, align) - horizon
    origins = _rolled(arrays, np.arange(arrays.n_series), newest, horizon, n_windows, step_size)
    if not len(origins):
        longest = int((arrays.last_observed - arrays.offsets[:-1]).max(initial=0)) + 1
        raise InputError(
            f"horizon must be shorter than the longest history, got {horizon} steps where the longest series spans "
            f"{longest}: set task.horizon"
        )
    return origins


def inner_origins(
    arrays: SeriesArrays, before: Origins, horizon: int, n_windows: int, step_size: int | None
) -> Origins:
    """Up to `n_windows` origins per series of `before` whose whole horizon ends at or before its oldest row; may be
    empty.
    """
    oldest = _oldest(before)
    return _rolled(arrays, oldest.series, oldest.row - horizon, horizon, n_windows, step_size)


def first_origins(origins: Origins, arrays: SeriesArrays | None = None, align: str | None = None) -> Origins:
    """The oldest origin of each series: up to there a fit may look.

    With `arrays` of calendar alignment it is the same time stamp for all, the oldest cutoff of any series; a series
    that begins later has none. So no series lends a model of another what happened after its cutoff.
    """
    if arrays is None or (align or default_align(arrays.ds.dtype)) == "series_end":
        return _oldest(origins)
    rows = _end_rows(arrays, "calendar") - int((_end_rows(arrays, "calendar")[origins.series] - origins.row).max())
    return _kept(arrays, np.arange(arrays.n_series), rows, np.zeros_like(rows))


def last_origins(arrays: SeriesArrays, align: str | None) -> Origins:
    """The newest origin of each series with an observed y: its last observed row, or the common one (calendar)."""
    rows = _end_rows(arrays, align)
    return _kept(arrays, np.arange(arrays.n_series), rows, np.zeros_like(rows))


def origins_at(arrays: SeriesArrays, ds: int | date | datetime | str) -> Origins:
    """The row of every series with this `ds` (text in ISO form); series that begin later or end too early have none.

    Raises InputError where no series has such a row.
    """
    value = _stamp(ds, arrays.ds.dtype)
    found = np.flatnonzero((arrays.ds == value).to_numpy())
    series = np.searchsorted(arrays.offsets, found, side="right") - 1
    newest = arrays.offsets[1:] - 1 - _trailing(arrays)
    rows = np.full(arrays.n_series, -1)
    rows[series] = np.where(found <= newest[series], found, -1)
    origins = _kept(arrays, np.arange(arrays.n_series), rows, np.zeros_like(rows))
    if not len(origins):
        raise InputError(
            f"an origin must be a ds of some series, got {ds}: choose one from {arrays.ds.min()!s} to "
            f"{arrays.ds.gather(newest[newest >= 0]).max()!s}"
        )
    return origins


def _rolled(
    arrays: SeriesArrays, series: IntArray, newest: IntArray, horizon: int, n_windows: int, step_size: int | None
) -> Origins:
    """Origins counted back from `newest` (one row per entry of `series`) that can be scored."""
    window = np.arange(n_windows)
    rows = newest[:, None] - (n_windows - 1 - window) * (step_size or horizon)  # (S, n_windows)
    origins = _kept(arrays, np.repeat(series, n_windows), rows.ravel(), np.tile(window, len(series)))
    scored = np.count_nonzero(~np.isnan(arrays.targets(origins, horizon)), axis=1) > 0
    return origins.take(scored)


def _kept(arrays: SeriesArrays, series: IntArray, row: IntArray, window: IntArray) -> Origins:
    """Those that lie in their series, with an observed y at or before the row."""
    inside = (row >= arrays.offsets[series]) & (row < arrays.offsets[series + 1])
    inside[inside] = arrays.observed_before[row[inside]] > 0
    return Origins(series[inside], row[inside], window[inside])


def _oldest(origins: Origins) -> Origins:
    """One origin per series, sorted by series."""
    order = np.lexsort((origins.row, origins.series))
    _, first = np.unique(origins.series[order], return_index=True)
    return origins.take(order[first])


def _end_rows(arrays: SeriesArrays, align: str | None) -> IntArray:
    """The last row of each series that may be an origin; (S,)."""
    if (align or default_align(arrays.ds.dtype)) == "series_end":
        return arrays.last_observed
    rows = arrays.offsets[1:] - 1 - _trailing(arrays)
    if arrays.ds.gather(rows).n_unique() > 1:
        raise ValueError("calendar cutoffs need arrays that were built with align='calendar'")
    return rows


def _trailing(arrays: SeriesArrays) -> int:
    """Rows after the newest observed y that every series has: the horizon the arrays were built for."""
    return int((arrays.offsets[1:] - 1 - arrays.last_observed).min(initial=np.iinfo(np.int64).max))


def _stamp(ds: int | date | datetime | str, dtype: pl.DataType) -> pl.Series:
    """`ds` as a value of the column's type."""
    try:
        if dtype.is_integer():
            return pl.Series([int(str(ds))], dtype=dtype)
        moment = datetime.fromisoformat(str(ds))
    except ValueError:
        kind = "an integer" if dtype.is_integer() else "an ISO date or time"
        raise InputError(f"an origin must be {kind} as ds is, got {ds!r}: set --origin") from None
    if dtype == pl.Date:
        return pl.Series([moment.date()], dtype=dtype)
    return pl.Series([moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)], dtype=dtype)
