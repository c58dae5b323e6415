"""From a gridded series table to flat arrays: what every forecaster reads, with what was known at each origin.

Comes in: the series table (regular grid, nulls where unobserved). Goes out: `SeriesArrays`, one row per period, the
series laid end to end; and `Origins`, pairs (series, row) where `row` is the last row that a forecast may know.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from forecasting.errors import InputError
from forecasting.freq import Frequency, parse_freq
from forecasting.schema import DS, UNIQUE_ID, Y
from forecasting.series.arrays.calendar import calendar_covariates
from forecasting.series.arrays.layout import Span, floats, place, scatter, static_values, texts
from forecasting.series.checks.filling import fill_gaps, next_observed_rows
from forecasting.series.table.order import is_sorted

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]
Align = Literal["calendar", "series_end"]


@dataclass(frozen=True)
class Origins:
    """O forecast origins: origin i knows series[i] up to and with flat row[i]; `window` numbers the cutoffs from 0
    (oldest).
    """

    series: IntArray  # (O,)
    row: IntArray  # (O,)
    window: IntArray  # (O,)

    def __len__(self) -> int:
        return len(self.series)

    def take(self, index: npt.NDArray[np.intp] | npt.NDArray[np.bool_] | slice) -> "Origins":
        """The origins at `index` (positions, a boolean mask or a slice)."""
        return Origins(self.series[index], self.row[index], self.window[index])


@dataclass(frozen=True)
class SeriesArrays:
    """S series as flat arrays of N rows; series s owns rows offsets[s]:offsets[s+1], from its first observed y on.

    Each series ends with at least `horizon` rows without y, so that every origin up to the last observed row has its
    horizon's `ds` and known-future covariates. A gap is filled in `full` from both sides and in `causal` from the past
    alone; what an origin at row o may see at row r <= o is full[r] where next_observed[r] <= o, else causal[r].
    """

    ids: list[str]  # S
    offsets: IntArray  # (S+1,)
    ds: pl.Series  # (N,) start of each period
    y: FloatArray  # (N,) NaN where unobserved
    full: FloatArray  # (N,) gaps filled from both sides
    causal: FloatArray  # (N,) gaps filled from rows before
    next_observed: IntArray  # (N,) first row >= r with an observed y; N where there is none
    observed_before: IntArray  # (N,) number of observed y in rows offsets[s]..r, r included
    last_observed: IntArray  # (S,) last row with an observed y; offsets[s] - 1 where there is none
    static_numeric: FloatArray  # (S, .) NaN where unknown
    static_categories: npt.NDArray[np.object_]  # (S, .) strings, empty where unknown
    past: FloatArray  # (N, P) NaN where unknown
    known_future: FloatArray  # (N, K) declared known-future covariates, then calendar ones
    names: dict[str, list[str]] = field(
        default_factory=dict
    )  # keys static_numeric, static_categories, past, known_future
    fill: str = "interpolate"  # how `full` and `causal` were made from y
    season_length: int = 1
    max_gap: int | None = None  # longest run of periods without y that counts as history; null: any
    rows_beyond: int | None = None  # of every series behind the newest y of all; null: it is the newest of these series

    @property
    def n_series(self) -> int:
        return len(self.ids)

    def history(self, series: int, row: int) -> FloatArray:
        """y of one series from its first row to `row`, gaps filled from what was known at `row`; shape (row - first +
        1,).
        """
        rows = slice(int(self.offsets[series]), row + 1)
        values: FloatArray = np.where(self.next_observed[rows] <= row, self.full[rows], self.causal[rows])
        return values

    def n_observed(self, origins: Origins) -> IntArray:
        """Number of observed y up to each origin; (O,)."""
        return self.observed_before[origins.row]

    def targets(self, origins: Origins, horizon: int) -> FloatArray:
        """Actual y of the horizon after each origin, NaN where unobserved; (O, H). Only scoring may call this."""
        values: FloatArray = self.y[origins.row[:, None] + np.arange(1, horizon + 1)]
        return values

    def future_ds(self, origins: Origins, horizon: int) -> pl.Series:
        """Time stamps of the horizon after each origin, laid end to end; (O * H,)."""
        return self.ds.gather((origins.row[:, None] + np.arange(1, horizon + 1)).ravel())


class Observed(NamedTuple):
    """What follows from y alone; the fields of `SeriesArrays` with these names."""

    full: FloatArray
    causal: FloatArray
    next_observed: IntArray
    observed_before: IntArray
    last_observed: IntArray


def observed(y: FloatArray, offsets: IntArray, fill: str, season_length: int) -> Observed:
    """Fills and counts of S series laid end to end; y (N,), offsets (S+1,)."""
    following, missing = next_observed_rows(y, offsets), np.isnan(y)
    full, causal = fill_gaps(y, offsets, fill, season_length, following)
    counts = np.concatenate([[0], np.cumsum(~missing)])
    starts = np.repeat(offsets[:-1], np.diff(offsets))
    rows = np.where(missing, -1, np.arange(len(y)))
    newest = np.maximum.reduceat(rows, offsets[:-1]) if len(y) else offsets[:-1]
    last = np.where(newest >= offsets[:-1], newest, offsets[:-1] - 1)
    return Observed(full, causal, following, counts[1:] - counts[starts], last)


def default_align(dtype: pl.DataType) -> Align:
    """`series_end` for integer `ds`, which need not be one clock for all series; else `calendar`."""
    return "series_end" if dtype.is_integer() else "calendar"


@dataclass(frozen=True, kw_only=True)
class Reading:
    """How a series table is read: grid, gap filling, alignment of cutoffs, covariates. Saved beside a served forecaster.

    `align` null: `default_align` of the table's `ds`.
    """

    freq: str
    horizon: int
    season_length: int
    fill: str = "interpolate"
    align: str | None = None
    static: Sequence[str] = ()
    past: Sequence[str] = ()
    known_future: Sequence[str] = ()
    calendar: Sequence[str] = ()
    country: str | None = None
    timezone: str | None = None
    max_gap: int | None = None

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}

    def frequency(self) -> Frequency:
        """The step of the grid."""
        return parse_freq(int(self.freq) if self.freq.isdigit() else self.freq, self.timezone)


def to_arrays(frame: pl.DataFrame, reading: Reading, span: Span | None = None) -> SeriesArrays:
    """The series table as arrays, series sorted by id, each from its first observed y to `horizon` rows beyond its end.

    The end is its own last observed y (align series_end) or the newest observed `ds` of any series (calendar); null:
    `default_align`. Missing periods become unobserved rows; series without observed y are left out. With `span` these
    are some series of a larger table, and their arrays those of the whole table, cut. Raises InputError where nothing is observed, two rows lie in one period, or the periods are out of all proportion to the rows.
    """
    frame = frame if is_sorted(frame) else frame.sort(UNIQUE_ID, DS)
    dtype = frame.schema[DS]
    freq, horizon = reading.frequency().of_type(dtype), reading.horizon
    newest = None if span is None else span.newest
    rows = place(frame, freq, horizon, reading.align or default_align(dtype), newest)
    N = len(rows.ordinal)
    phase = freq.phase(frame[DS]) if span is None else span.phase
    ds = pl.DataFrame({"o": rows.ordinal}).select(freq.at(pl.col("o"), phase, dtype).alias(DS)).to_series()
    y = scatter(frame, [Y], rows, N)[:, 0]
    features, titles = calendar_covariates(ds, reading.calendar, reading.country, reading.timezone)
    numeric = [name for name in reading.static if frame.schema[name].is_numeric()]
    categories = [name for name in reading.static if name not in numeric]
    values = static_values(frame, reading.static, rows.ids)
    return SeriesArrays(
        rows.ids,
        rows.offsets,
        ds,
        y,
        *observed(y, rows.offsets, reading.fill, reading.season_length),
        static_numeric=floats(values, numeric),
        static_categories=texts(values, categories),
        past=scatter(frame, reading.past, rows, N),
        known_future=np.concatenate([scatter(frame, reading.known_future, rows, N), features], axis=1),
        names={
            "static_numeric": numeric,
            "static_categories": categories,
            "past": [*reading.past],
            "known_future": [*reading.known_future, *titles],
        },
        fill=reading.fill,
        season_length=reading.season_length,
        max_gap=reading.max_gap,
        rows_beyond=None if span is None else horizon,
    )


def missing_future(arrays: SeriesArrays, origins: Origins, horizon: int) -> dict[str, npt.NDArray[np.intp]]:
    """Known-future covariates that are not known over the whole horizon, each with the (positions of) origins where not."""
    steps = origins.row[:, None] + np.arange(1, horizon + 1)
    found = {}
    for k, name in enumerate(arrays.names.get("known_future", [])):
        which = np.flatnonzero(np.isnan(arrays.known_future[steps, k]).any(axis=1))
        if len(which):
            found[name] = which
    return found


def require_future(arrays: SeriesArrays, origins: Origins, horizon: int) -> None:
    """Refuse origins over whose horizon a known-future covariate is missing (InputError: covariate, series, steps)."""
    for name, which in missing_future(arrays, origins, horizon).items():
        k = arrays.names["known_future"].index(name)
        ahead = [arrays.known_future[origins.row[o] + 1 : origins.row[o] + 1 + horizon, k] for o in which[:5]]
        shown = [
            f"{arrays.ids[origins.series[o]]!r} after {arrays.ds[int(origins.row[o])]} (steps "
            f"{', '.join(str(step + 1) for step in np.flatnonzero(np.isnan(values))[:5])})"
            for o, values in zip(which, ahead, strict=False)
        ]
        raise InputError(
            f"known-future covariate {name} must be known over the horizon, is missing for {len(which)} of "
            f"{len(origins)} origins: {'; '.join(shown)}: add rows with {name} beyond the last observed y (or name their source in "
            "data.future), move it to data.covariates.past, or set data.covariates.missing_future to drop"
        )
