"""Cutoffs: comes in arrays, goes out `Origins` to be forecast from, for evaluation, for tuning and for prediction.

Evaluation cutoffs are counted back from the end (the newest leaves exactly the horizon, older ones lie `step_size`
apart), or begin where training ends (`train_until`), or are named one by one. Inner cutoffs (tuning, early stopping) lie so far before that even their horizons end by the oldest evaluation
cutoff.
"""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import polars as pl

from forecasting.errors import InputError
from forecasting.schema import CUTOFF, UNIQUE_ID
from forecasting.series.arrays.series_arrays import Align, IntArray, Origins, SeriesArrays, default_align

Stamp = int | datetime | date | str  # a ds as YAML gives it; text in ISO form


@dataclass(frozen=True, kw_only=True)
class EvaluationSettings:
    """Which cutoffs are forecast from, and what the forecasts are scored by: a rolling origin (`n_windows`), everything
    after `train_until`, or given `cutoffs`.
    """

    __pydantic_config__ = {"extra": "forbid"}  # noqa: RUF012 - read by pydantic where the config file is parsed

    n_windows: int = 3
    """Evaluation cutoffs, counted back from the end. Example: 6"""
    step_size: int | None = None
    """Periods from one cutoff to the next. Null: the horizon. Example: 7"""
    align: Align | None = None
    """Whether cutoffs are the same for all series (`calendar`) or counted back from each series' own end
    (`series_end`). Null: series_end where `ds` is an integer, else calendar. Example: series_end
    """
    cutoffs: list[Stamp] | str | None = None
    """These cutoffs for all series, or a Parquet file with columns unique_id and cutoff; in place of `n_windows`. Null:
    the rolling origin. Example: [2024-01-01, 2024-02-01]
    """
    train_until: Stamp | None = None
    """Train once on `ds` up to it, forecast from it and every `step_size`-th period after it whose horizon is known.
    Null: the rolling origin. Example: 2024-01-01
    """
    refit: bool | int = False
    """Whether models are trained again at each cutoff: true, false, or k for every k-th. Example: true"""
    primary_metric: str = "mase"
    """The metric that ranks, and that the gate goes by. Example: wql"""
    metrics: list[str] = field(default_factory=lambda: ["mase", "smape", "wql", "coverage"])
    """Metrics of the leaderboard, by name; `forecast forecasters` lists them. Example: [mase, smape, owa]"""
    slices: list[str] | None = None
    """Groups that scores are also given for: history_length, weekday, holiday, static covariates. Null: those that
    apply. Example: [weekday]
    """
    weights: str | None = None
    """A static numeric covariate that weights series in weighted means. Null: the mean of |y| up to the cutoff.
    Example: revenue
    """
    standardise_until: Stamp | None = None
    """Last `ds` of the rows that standardised errors are divided by. Null: the oldest cutoff of each series. Example:
    2024-01-01
    """

    def __post_init__(self) -> None:
        if self.n_windows < 1:
            raise InputError(f"n_windows must be at least 1, got {self.n_windows}: set evaluation.n_windows")
        if self.step_size is not None and self.step_size < 1:
            raise InputError(f"step_size must be at least 1, got {self.step_size}: set evaluation.step_size")
        if int(self.refit) < 0:
            raise InputError(f"refit must be false, true or every k-th cutoff, got {self.refit}: set evaluation.refit")
        if self.cutoffs is not None and self.train_until is not None:
            raise InputError("cutoffs and train_until exclude each other, got both: remove one from evaluation")
        if isinstance(self.cutoffs, list) and not self.cutoffs:
            raise InputError("cutoffs must name at least one ds, got none: set evaluation.cutoffs")


def origins_of(arrays: SeriesArrays, horizon: int, settings: EvaluationSettings, align: str | None) -> Origins:
    """The evaluation origins that the settings ask for, sorted by (series, window), window 0 the oldest.

    Raises InputError where there is none.
    """
    if settings.train_until is not None:
        return origins_after(arrays, horizon, settings.train_until, settings.step_size or horizon)
    if isinstance(settings.cutoffs, str):
        return origins_in(arrays, horizon, Path(settings.cutoffs))
    if settings.cutoffs is not None:
        return origins_from(arrays, horizon, settings.cutoffs)
    return evaluation_origins(arrays, horizon, settings.n_windows, settings.step_size, align)


def training_origins(
    arrays: SeriesArrays, origins: Origins, settings: EvaluationSettings, align: str | None
) -> Origins:
    """One origin per series, up to which the evaluated fit may look: the oldest cutoff, or `train_until`."""
    if settings.train_until is None:
        return first_origins(origins, arrays, align)
    rank, start = _periods(arrays, settings.train_until)
    rows = np.flatnonzero(rank == start)
    series = np.searchsorted(arrays.offsets, rows, side="right") - 1
    return _kept(arrays, series, rows, np.zeros_like(rows))


def origins_after(arrays: SeriesArrays, horizon: int, until: Stamp, step_size: int) -> Origins:
    """Origins at `until` and each `step_size`-th period after it whose whole horizon is known; window w is the w-th.

    Raises InputError where there is none.
    """
    rank, start = _periods(arrays, until)
    rows = np.flatnonzero((rank >= start) & ((rank - start) % step_size == 0))
    series = np.searchsorted(arrays.offsets, rows, side="right") - 1
    whole = rows + horizon <= arrays.last_observed[series]
    rows, series = rows[whole], series[whole]
    origins = _scored(arrays, _kept(arrays, series, rows, (rank[rows] - start) // step_size), horizon)
    return _some(origins, f"train_until must leave a horizon of {horizon} periods after it, got {until}")


def origins_from(arrays: SeriesArrays, horizon: int, cutoffs: list[Stamp]) -> Origins:
    """Origins at these `ds` of every series that has them, with at least one observed target; windows in time order.

    Raises InputError for a cutoff at which no series can be scored.
    """
    found = []
    for cutoff in cutoffs:
        at = _scored(arrays, origins_at(arrays, cutoff), horizon)
        found.append(_some(at, f"a cutoff must be followed by actual values, got {cutoff}"))
    series, row = (np.concatenate([getattr(o, name) for o in found]) for name in ("series", "row"))
    stamps = arrays.ds.gather(row)
    window = stamps.rank("dense").to_numpy().astype(np.int64) - 1
    order = np.lexsort((window, series))
    kept = order[np.append(True, np.diff(row[order]) != 0)]  # a cutoff named twice counts once
    return Origins(series[kept], row[kept], window[kept])


def origins_in(arrays: SeriesArrays, horizon: int, path: Path) -> Origins:
    """Origins named in a Parquet file with columns unique_id and cutoff; the windows of a series are in time order.

    Raises InputError for a file that cannot be read or names nothing that can be scored.
    """
    try:
        named = pl.read_parquet(path, columns=[UNIQUE_ID, CUTOFF]).unique()
    except (OSError, pl.exceptions.PolarsError) as error:
        raise InputError(
            f"cutoffs must be a Parquet file with unique_id and cutoff, got {path}: {error}: set evaluation.cutoffs"
        ) from None
    rows = pl.DataFrame(
        {
            UNIQUE_ID: pl.Series(arrays.ids, dtype=pl.String).gather(_series_of_rows(arrays)),
            CUTOFF: arrays.ds,
            "row": np.arange(len(arrays.ds)),
        }
    )
    stamps = pl.concat([_stamp(value, arrays.ds.dtype) for value in named[CUTOFF]]) if len(named) else arrays.ds[:0]
    found = rows.join(named.with_columns(stamps.alias(CUTOFF)), on=[UNIQUE_ID, CUTOFF], how="semi").sort("row")
    row = found["row"].to_numpy()
    series = np.searchsorted(arrays.offsets, row, side="right") - 1
    origins = _scored(arrays, _kept(arrays, series, row, np.zeros_like(row)), horizon)
    _some(origins, f"cutoffs must name a series and a ds that it has, followed by actual values, got {path}")
    opens = np.flatnonzero(np.diff(origins.series, prepend=-1))
    number = np.arange(len(origins)) - np.repeat(opens, np.diff(opens, append=len(origins)))
    return Origins(origins.series, origins.row, number)


def evaluation_origins(
    arrays: SeriesArrays, horizon: int, n_windows: int, step_size: int | None, align: str | None
) -> Origins:
    """Up to `n_windows` origins per series, sorted by (series, window), window 0 the oldest.

    Kept are those with an observed y at or before the row and at least one observed target. Raises InputError where no
    series has any, and ValueError where arrays aligned by series end are asked for calendar cutoffs.
    """
    newest = _end_rows(arrays, align) - horizon
    origins = _rolled(
        arrays, np.arange(arrays.n_series), newest=newest, horizon=horizon, n_windows=n_windows, step_size=step_size
    )
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
    return _rolled(
        arrays, oldest.series, newest=oldest.row - horizon, horizon=horizon, n_windows=n_windows, step_size=step_size
    )


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


def origins_at(arrays: SeriesArrays, ds: Stamp) -> Origins:
    """The row of every series with this `ds` (text in ISO form); series that begin later or end too early have none.

    Raises InputError where no series has such a row.
    """
    origins = rows_at(arrays, ds)
    if not len(origins):
        ends = arrays.offsets[1:] - 1 - _trailing(arrays)
        raise no_such_origin(ds, arrays.ds.min(), arrays.ds.gather(ends[ends >= 0]).max())
    return origins


def no_such_origin(ds: Stamp, oldest: object, newest: object) -> InputError:
    """The error of an origin that no series has, where origins lie from `oldest` to `newest`."""
    return InputError(f"an origin must be a ds of some series, got {ds}: choose one from {oldest!s} to {newest!s}")


def rows_at(arrays: SeriesArrays, ds: Stamp) -> Origins:
    """As `origins_at`, also where there is none; raises InputError for a stamp that is none."""
    value = _stamp(ds, arrays.ds.dtype)
    found = np.flatnonzero((arrays.ds == value).to_numpy())
    series = np.searchsorted(arrays.offsets, found, side="right") - 1
    newest = arrays.offsets[1:] - 1 - _trailing(arrays)
    rows = np.full(arrays.n_series, -1)
    rows[series] = np.where(found <= newest[series], found, -1)
    return _kept(arrays, np.arange(arrays.n_series), rows, np.zeros_like(rows))


def _rolled(
    arrays: SeriesArrays, series: IntArray, newest: IntArray, horizon: int, n_windows: int, step_size: int | None
) -> Origins:
    """Origins counted back from `newest` (one row per entry of `series`) that can be scored."""
    window = np.arange(n_windows)
    rows = newest[:, None] - (n_windows - 1 - window) * (step_size or horizon)  # (S, n_windows)
    return _scored(
        arrays, _kept(arrays, np.repeat(series, n_windows), rows.ravel(), np.tile(window, len(series))), horizon
    )


def _scored(arrays: SeriesArrays, origins: Origins, horizon: int) -> Origins:
    """Those with room for a horizon and at least one observed y in it."""
    origins = origins.take(origins.row + horizon < arrays.offsets[origins.series + 1])
    return origins.take(np.count_nonzero(~np.isnan(arrays.targets(origins, horizon)), axis=1) > 0)


def _some(origins: Origins, rule: str) -> Origins:
    if not len(origins):
        raise InputError(f"{rule}: set evaluation to cutoffs inside the data")
    return origins


def _periods(arrays: SeriesArrays, until: Stamp) -> tuple[IntArray, int]:
    """The number of each row's period on the calendar of all series (N,), and that of the newest one up to `until`.

    Raises InputError where nothing lies so early.
    """
    rank = arrays.ds.rank("dense").to_numpy().astype(np.int64) - 1
    early = arrays.ds <= _stamp(until, arrays.ds.dtype).item()
    if not early.any():
        raise InputError(
            f"train_until must not lie before the first ds ({arrays.ds.min()!s}), got {until}: set evaluation.train_until"
        )
    return rank, int(rank[early.to_numpy()].max())


def _series_of_rows(arrays: SeriesArrays) -> IntArray:
    return np.repeat(np.arange(arrays.n_series), np.diff(arrays.offsets))


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
    if arrays.rows_beyond is not None:
        return arrays.rows_beyond
    return int((arrays.offsets[1:] - 1 - arrays.last_observed).min(initial=np.iinfo(np.int64).max))


def _stamp(ds: Stamp, dtype: pl.DataType) -> pl.Series:
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
