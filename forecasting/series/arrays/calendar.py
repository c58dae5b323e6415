"""Calendar covariates: comes in `ds`, goes out columns that are known over any horizon because only the date makes
them.

A periodic feature is a point on the circle (sine and cosine of its phase), so that December lies next to January.
`holiday` is 1 where the start of the period is a public holiday of the country, else 0.
"""

from collections.abc import Callable, Sequence

import holidays
import numpy as np
import numpy.typing as npt
import polars as pl

from forecasting.errors import InputError, unknown

Columns = npt.NDArray[np.float64]
Feature = Callable[[pl.Series, str | None], Columns]  # local ds (N,), country -> (N, 1 or 2)


def _circle(position: Callable[[pl.Expr], pl.Expr], period: int) -> Feature:
    """Sine and cosine of `position` (0 .. period - 1)."""

    def feature(ds: pl.Series, country: str | None) -> Columns:  # noqa: ARG001 - one signature for all features
        values = pl.select(position(pl.lit(ds))).to_series().to_numpy()
        angle = 2.0 * np.pi * values / period
        return np.stack([np.sin(angle), np.cos(angle)], axis=1)

    return feature


def holidays_of(ds: pl.Series, country: str | None) -> npt.NDArray[np.bool_]:
    """Whether each `ds` is a public holiday; `country` is an ISO code, with a subdivision after a dash (DE, US-CA)."""
    if not country:
        raise InputError(
            "calendar feature holiday needs a country, got none: set data.country (for example DE or US-CA)"
        )
    dates = ds.dt.date()
    name, _, subdivision = country.partition("-")
    years = range(int(dates.dt.year().min()), int(dates.dt.year().max()) + 1)  # type: ignore[arg-type]
    try:
        known = holidays.country_holidays(name, subdiv=subdivision or None, years=years)
    except NotImplementedError as error:
        raise InputError(
            f"the country of holidays must be known, got {country!r} ({error}): set data.country"
        ) from None
    return dates.is_in(pl.Series(list(known), dtype=pl.Date).implode()).to_numpy()


def _holiday(ds: pl.Series, country: str | None) -> Columns:
    """1.0 on public holidays."""
    return holidays_of(ds, country).astype(np.float64)[:, None]


CALENDAR: dict[str, Feature] = {
    "minute": _circle(lambda ds: ds.dt.minute(), 60),
    "hour": _circle(lambda ds: ds.dt.hour(), 24),
    "day_of_week": _circle(lambda ds: ds.dt.weekday() - 1, 7),
    "day_of_month": _circle(lambda ds: ds.dt.day() - 1, 31),
    "day_of_year": _circle(lambda ds: ds.dt.ordinal_day() - 1, 366),
    "week_of_year": _circle(lambda ds: ds.dt.week() - 1, 53),
    "month": _circle(lambda ds: ds.dt.month() - 1, 12),
    "quarter": _circle(lambda ds: ds.dt.quarter() - 1, 4),
    "holiday": _holiday,
}
_NEEDS_TIME = ("minute", "hour")


def calendar_covariates(
    ds: pl.Series, names: Sequence[str], country: str | None, timezone: str | None
) -> tuple[Columns, list[str]]:
    """The features `names` of `ds` (N,), read off the clock of `timezone` (null: UTC): values (N, C) and C column
    names.

    Raises InputError for an unknown name, zone or country, for integer `ds`, and for hours of dates.
    """
    if not names:
        return np.empty((len(ds), 0)), []
    if ds.dtype.is_integer():
        raise InputError(f"calendar features need a Date or Datetime ds, got {ds.dtype}: set data.calendar to []")
    local = local_clock(ds, timezone)
    columns, titles = [], []
    for name in names:
        if name not in CALENDAR:
            raise unknown("a calendar feature", name, list(CALENDAR), "data.calendar")
        if name in _NEEDS_TIME and ds.dtype == pl.Date:
            raise InputError(f"calendar feature {name} needs a Datetime ds, got Date: remove it from data.calendar")
        values = CALENDAR[name](local, country)
        columns.append(values)
        titles += [name] if values.shape[1] == 1 else [f"{name}_sin", f"{name}_cos"]
    return np.concatenate(columns, axis=1), titles


def local_clock(ds: pl.Series, timezone: str | None) -> pl.Series:
    """`ds` as a clock in `timezone` shows it (null: UTC); raises InputError for an unknown zone."""
    if timezone is None or ds.dtype == pl.Date:
        return ds
    try:
        return ds.dt.convert_time_zone(timezone)
    except pl.exceptions.ComputeError as error:
        raise InputError(f"the time zone must be known, got {timezone!r} ({error}): set data.timezone") from None
