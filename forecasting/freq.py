"""Time steps: what one period of a series is, and arithmetic on `ds` in whole periods.

A frequency is an integer step (for Int64 `ds`) or a polars duration: fixed (`15m`, `1h`, `1d`, `1w`) or by calendar
(`1mo`, `1q`, `1y`). An ordinal numbers the periods: neighbours differ by one, whatever the lengths of the months. The
phase says where in its period a stamp lies (weekday, day of month, minute of the hour): ordinal and phase give `ds`.

Days, weeks, months, quarters and years are those of the clock in `zone`, so a day is 23 or 25 hours long where the clock
changes; steps of hours and less are elapsed time, as in polars.
"""

import re
from dataclasses import dataclass, replace
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import polars as pl

from forecasting.errors import InputError

_DAY_US = 86400 * 10**6
_FIXED_US = {"s": 10**6, "m": 60 * 10**6, "h": 3600 * 10**6, "d": _DAY_US, "w": 7 * _DAY_US}
_UTC = pl.Datetime("us", "UTC")
_MONTHS = {"mo": 1, "q": 3, "y": 12}


@dataclass(frozen=True)
class Frequency:
    """One period: `text` as in the config; one of `step` (integers), `us` (fixed) and `months` is above zero.

    `zone` is the time zone of the clock (null: UTC); it matters for Datetime `ds` only, see `of_type`.
    """

    text: str
    step: int = 0
    us: int = 0
    months: int = 0
    zone: str | None = None

    @property
    def by_calendar(self) -> bool:
        """Whether a period is whole days of a calendar, whatever their length in hours."""
        return bool(self.months) or self.text.endswith(("d", "w"))

    def of_type(self, dtype: pl.DataType) -> "Frequency":
        """The frequency for `ds` of this type: dates and integers have no clock, so no zone."""
        return self if isinstance(dtype, pl.Datetime) or self.zone is None else replace(self, zone=None)

    def ordinal(self, ds: pl.Expr) -> pl.Expr:
        """Int64 period number of each time stamp; floors stamps that lie inside a period."""
        if self.step:
            return ds.cast(pl.Int64).floordiv(self.step)
        if self.months:
            return _month_number(self.wall(ds)).floordiv(self.months)
        # The epoch was a Thursday; what counts is only that the phase is the same for all time stamps of a table.
        return _epoch_us(self.wall(ds)).floordiv(self.us)

    def phase(self, ds: pl.Series, counts: pl.Series | None = None) -> int:
        """Where in their period most of the stamps lie; the smallest phase where several are equally frequent. `counts`
        says how many rows each stamp stands for (null: one each).

        Steps and fixed periods: what is left over after whole periods. Calendar periods: month of the period, day of
        the month (31 for month ends: shorter months saturate) and microseconds of the day in one number, read by `at`.
        """
        frame = pl.DataFrame({"ds": ds}).with_columns(
            pl.lit(1, pl.Int64).alias("n") if counts is None else counts.alias("n")
        )
        frame = frame.drop_nulls("ds")
        if frame.is_empty():
            return 0
        frame = frame.with_columns(self.wall(pl.col("ds")))
        if not self.months:
            return _mode(frame, self._remainder(pl.col("ds")))
        month = _mode(frame, _month_number(pl.col("ds")) % self.months)
        clock = _mode(frame, _epoch_us(pl.col("ds")) % _DAY_US)
        return (month * 32 + _month_day(frame)) * _DAY_US + clock

    def on_phase(self, ds: pl.Expr, phase: int) -> pl.Expr:
        """Whether each stamp lies on the grid that `phase` fixes."""
        if self.by_clock:  # a midnight that the clock skips is none of the clock's stamps, but a start of a day
            return self.at(self.ordinal(ds), phase, _UTC) == ds
        if not self.months:
            return self._remainder(ds) == phase
        days, clock = divmod(phase, _DAY_US)
        month, day = divmod(days, 32)
        on_day = ds.dt.day() == pl.min_horizontal(pl.lit(day, dtype=pl.Int8), ds.dt.days_in_month())
        return (_month_number(ds) % self.months == month) & on_day & (_epoch_us(ds) % _DAY_US == clock)

    def at(self, ordinal: pl.Expr, phase: int, dtype: pl.DataType) -> pl.Expr:
        """The stamp of each period, of type `dtype` (Int64, Date or Datetime): inverse of `ordinal` for stamps on the
        grid.
        """
        if self.step:
            return ordinal * self.step + phase
        if self.by_clock:
            naive = replace(self, zone=None).at(ordinal, phase, pl.Datetime("us"))
            return first_instant(naive, str(self.zone)).cast(dtype)
        if not self.months:
            return _from_us(ordinal * self.us + phase, dtype)
        days, clock = divmod(phase, _DAY_US)
        month, day = divmod(days, 32)
        number = ordinal * self.months + month
        first = pl.date(number.floordiv(12), number % 12 + 1, pl.lit(1))
        date = first + pl.duration(days=pl.min_horizontal(pl.lit(day, dtype=pl.Int8), first.dt.days_in_month()) - 1)
        return date if dtype == pl.Date else _from_us(_epoch_us(date) + clock, dtype)

    @property
    def natural_phase(self) -> int:
        """Where periods start by themselves: midnight, Monday, the first of the month or year; 0 for other steps."""
        if self.months:
            return _DAY_US
        return 4 * _DAY_US if self.us and self.us % (7 * _DAY_US) == 0 else 0

    @property
    def by_clock(self) -> bool:
        """Whether periods follow the clock of a zone."""
        return self.by_calendar and self.zone is not None

    def wall(self, ds: pl.Expr) -> pl.Expr:
        """The clock of the zone, where periods follow it."""
        if not self.by_clock:
            return ds
        return ds.cast(_UTC).dt.convert_time_zone(str(self.zone)).dt.replace_time_zone(None)

    def _remainder(self, ds: pl.Expr) -> pl.Expr:
        return ds.cast(pl.Int64) % self.step if self.step else _epoch_us(ds) % self.us


def first_instant(wall: pl.Expr, zone: str) -> pl.Expr:
    """The instant (UTC) at which the clock of `zone` first shows `wall`; a time that it skips is moved on by the hour that
    it skips.
    """

    def instant(local: pl.Expr) -> pl.Expr:
        shown = local.cast(pl.Datetime("us")).dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null")
        return shown.dt.convert_time_zone("UTC")

    return pl.coalesce(instant(wall), instant(wall + pl.duration(hours=1)))


def _epoch_us(ds: pl.Expr) -> pl.Expr:
    return ds.cast(pl.Datetime("us")).dt.epoch("us")


def _month_number(ds: pl.Expr) -> pl.Expr:
    return ds.dt.year().cast(pl.Int64) * 12 + ds.dt.month().cast(pl.Int64) - 1


def _from_us(us: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    if dtype == pl.Date:
        return us.floordiv(_DAY_US).cast(pl.Int32).cast(pl.Date)
    return us.cast(dtype)


def _mode(frame: pl.DataFrame, value: pl.Expr) -> int:
    """The most frequent value by the counts in `n`, the smallest of several."""
    counts = frame.group_by(value.alias("value")).agg(pl.col("n").sum())
    return int(counts.sort("n", "value", descending=[True, False])["value"][0])


def _month_day(frame: pl.DataFrame) -> int:
    """The day of month that fits most stamps, where a day beyond a month's end means its last day."""
    counts = frame.group_by(pl.col("ds").dt.day().alias("day"), pl.col("ds").dt.days_in_month().alias("last")).agg(
        pl.col("n").sum()
    )
    rows = counts.rows()
    return max(range(1, 32), key=lambda day: (sum(n for d, last, n in rows if d == min(day, last)), -day))


def parse_freq(value: int | str, zone: str | None = None) -> Frequency:
    """Frequency of a config value on the clock of `zone`; raises InputError for anything but a positive integer or one
    polars duration, and for an unknown zone.
    """
    if zone is not None:
        require_zone(zone)
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        return Frequency(str(value), step=value)
    match = re.fullmatch(r"([1-9]\d*)(s|m|h|d|w|mo|q|y)", str(value))
    if match is None:
        raise InputError(
            "freq must be a positive integer step or a duration such as 15m, 1h, 1d, 1w, 1mo, 1q, 1y, "
            f"got {value!r}: set data.freq"
        )
    count, unit = int(match[1]), match[2]
    if unit in _FIXED_US:
        return Frequency(str(value), us=count * _FIXED_US[unit], zone=zone)
    return Frequency(str(value), months=count * _MONTHS[unit], zone=zone)


def require_zone(zone: str) -> None:
    """Refuse a name that is no time zone; raises InputError."""
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise InputError(
            f"the time zone must be known, got {zone!r}: set data.timezone to a name such as Europe/Berlin or UTC"
        ) from None
