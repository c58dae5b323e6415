"""Time stamps beside the grid: comes in rows in UTC, goes out the same with stamps moved to the start of their period,
where a rule says so, and an account of what was moved.

A series whose stamps are all the last day of a month is stamped at the end of its months, quarters or years. A stamp within
`snap` of the grid is moved onto it; others stay, and their series breaks the rule `off_grid`.
"""

from dataclasses import dataclass
from typing import Literal

import polars as pl

from forecasting.errors import InputError
from forecasting.freq import Frequency, first_instant, parse_freq
from forecasting.schema import DS, UNIQUE_ID
from forecasting.series.checks.account import found, shown

Stamped = Literal["start", "end"]
_MONTH_US = 2629746 * 10**6  # a twelfth of the mean year
_WAS = "__was"


@dataclass(frozen=True)
class Grid:
    """Where the stamps of a table must lie: the frequency and its phase."""

    freq: Frequency
    phase: int


def tolerance(snap: str | float | None, freq: Frequency) -> int:
    """How far a stamp may lie from the grid: microseconds, or integer steps; `snap` is a duration or a share of the period.

    Raises InputError for anything else, and for half a period and more.
    """
    if snap is None:
        return 0
    period = freq.step or freq.us or freq.months * _MONTH_US
    if isinstance(snap, str):
        try:
            length = parse_freq(snap)
        except InputError:
            raise InputError(
                f"snap must be a duration such as 5m or a share of the period, got {snap!r}: set data.quality.snap"
            ) from None
        allowed = length.us if length.us and not freq.step else period
    else:
        allowed = int(snap * period)
    if not 0 <= 2 * allowed < period:
        raise InputError(
            f"snap must be a share below 0.5 of the period or a duration of less than half of it, got {snap!r} with freq "
            f"{freq.text}: set data.quality.snap"
        )
    return allowed


def grid_of(ds: pl.Series, freq: Frequency, allowed: int, counts: pl.Series | None = None) -> Grid:
    """The grid on which most stamps lie; the natural one (midnight, Monday, the first) where as many lie within `allowed`.

    `counts`: how many rows each stamp stands for (null: one each).
    """
    usual = Grid(freq, freq.phase(ds, counts))
    if not allowed or usual.phase == freq.natural_phase:
        return usual
    natural = Grid(freq, freq.natural_phase)
    stamps = pl.DataFrame({DS: ds}).with_columns(n=pl.lit(1, pl.Int64) if counts is None else counts)
    near = [stamps.filter(_distance(g, ds.dtype)[1] <= allowed)["n"].sum() for g in (natural, usual)]
    return natural if near[0] >= near[1] else usual


def at_start(rows: pl.DataFrame, freq: Frequency, stamped: Stamped | None) -> tuple[pl.DataFrame, list[pl.DataFrame]]:
    """Stamps at the end of a period moved to its start: of all series (`end`), of none (`start`), or of those that are
    stamped at the last days of months (null).
    """
    if stamped == "start" or (stamped is None and not freq.months):
        return rows, []
    if stamped is None:
        if not rows.select(_ends_month(freq).any()).item():
            return rows, []
        ends = rows.group_by(UNIQUE_ID).agg(_ends_month(freq).all().alias("ends")).filter("ends")[UNIQUE_ID]
        moves = pl.col(UNIQUE_ID).is_in(ends.implode())
    else:
        moves = pl.lit(value=True)
    return _moved(rows, moves, period_start(freq, rows.schema[DS]), "stamped_at_end")


def period_start(freq: Frequency, dtype: pl.DataType) -> pl.Expr:
    """The start of the period that ends with `ds`: a period earlier, where months end with a day the month that it ends."""
    if freq.step:
        return pl.col(DS) - freq.step
    if not freq.by_calendar:
        return pl.col(DS) - pl.duration(microseconds=freq.us)
    wall = freq.wall(pl.col(DS))
    if freq.months:
        day = wall.dt.truncate("1d")
        wall = (
            pl.when(_ends_month(freq)).then(day + pl.duration(days=1)).otherwise(wall).dt.offset_by(f"-{freq.months}mo")
        )
    else:
        wall = wall - pl.duration(microseconds=freq.us)
    return wall if dtype == pl.Date else first_instant(wall.cast(pl.Datetime("us")), freq.zone or "UTC")


def _ends_month(freq: Frequency) -> pl.Expr:
    day = freq.wall(pl.col(DS)).dt.day()
    return day == freq.wall(pl.col(DS)).dt.days_in_month()


def snapped(rows: pl.DataFrame, grid: Grid, allowed: int) -> tuple[pl.DataFrame, list[pl.DataFrame]]:
    """Stamps within `allowed` of the grid moved onto it; the result is sorted."""
    if not allowed:
        return rows, []
    off = ~grid.freq.on_phase(pl.col(DS), grid.phase)
    if not rows.select(off.any()).item():
        return rows, []
    nearest, distance = _distance(grid, rows.schema[DS])
    moved, parts = _moved(rows, off & (distance <= allowed), nearest, "snapped")
    return moved.sort(UNIQUE_ID, DS, maintain_order=True), parts


def _moved(rows: pl.DataFrame, which: pl.Expr, to: pl.Expr, reason: str) -> tuple[pl.DataFrame, list[pl.DataFrame]]:
    """Rows of `which` with their stamp at `to`, and which series that was."""
    both = rows.with_columns(pl.when(which).then(to).otherwise(pl.col(DS)).alias(DS), pl.col(DS).alias(_WAS))
    changed = both.filter(pl.col(DS) != pl.col(_WAS))
    text = pl.format(
        "{} stamps, the first from {} to {}", pl.len(), shown(pl.col(_WAS).first()), shown(pl.col(DS).first())
    )
    return both.drop(_WAS), [found(changed, reason, text)] if changed.height else []


def _distance(grid: Grid, dtype: pl.DataType) -> tuple[pl.Expr, pl.Expr]:
    """The nearest stamp of the grid and how far it is away."""
    period = grid.freq.ordinal(pl.col(DS))
    stamps = [grid.freq.at(period + k, grid.phase, dtype) for k in (-1, 0, 1)]
    gaps = [(units(stamp, dtype) - units(pl.col(DS), dtype)).abs() for stamp in stamps]
    least = pl.min_horizontal(gaps)
    nearest = pl.when(gaps[1] == least).then(stamps[1]).when(gaps[0] == least).then(stamps[0]).otherwise(stamps[2])
    return nearest, least


def units(ds: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    """Microseconds since the epoch; integer steps as they are."""
    return (ds.cast(pl.Datetime("us")) if dtype == pl.Date else ds).cast(pl.Int64)
