"""Quality checks: comes in a source's long frame, goes out the clean series table and an account of what was set aside.

A wrong column stops the whole input (InputError); a series that breaks a rule of `rules.py` is quarantined with every
reason; rows without a key and exact duplicates are dropped and counted. Nulls stay: filling happens as of a cutoff.

The frame may be a part of a table that holds whole series, rows of a series in the order of the input: nothing depends on
other series but the phase of the grid (`grid_phase`) and what is stale, which `together` knows.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

import polars as pl

from forecasting.errors import InputError, LimitError
from forecasting.freq import Frequency
from forecasting.schema import DS, UNIQUE_ID, Y
from forecasting.series.checks.account import account, findings, reasons_with, shown
from forecasting.series.checks.aggregation import AggregateSettings, aggregated
from forecasting.series.checks.columns import Roles, Typed, stamps, typed
from forecasting.series.checks.duplicates import Duplicates, without_duplicates
from forecasting.series.checks.filling import Fill
from forecasting.series.checks.flags import facts_of, flagged
from forecasting.series.checks.future import with_future
from forecasting.series.checks.local_time import in_utc
from forecasting.series.checks.rules import GRID_RULES, KEY_RULES, STAMP_RULES, VALUE_RULES, Context, broken
from forecasting.series.checks.snapping import Grid, Stamped, at_start, grid_of, snapped, tolerance


@dataclass(frozen=True, kw_only=True)
class QualitySettings:
    """Which series are used, and what is mended."""

    __pydantic_config__ = {"extra": "forbid"}  # noqa: RUF012 - read by pydantic where the config file is parsed

    max_gap: int | None = 3
    """Longest run of periods without `y` between two observed ones; a series with a longer one is set aside. Null: any
    gap is allowed. Example: 10
    """
    fill: Fill = "interpolate"
    """How gaps are filled as of a cutoff, from the past alone: none, forward, interpolate, seasonal or zero. Example:
    forward
    """
    duplicates: Duplicates = "quarantine"
    """Rows with one key and different values: `quarantine` sets the series aside, `last` keeps the last row of the
    input, `error` stops. Example: last
    """
    non_negative: bool = False
    """Whether a `y` below 0 sets its series aside."""
    max_quarantined: float = 0.1
    """Largest share of the series that may be set aside; above it nothing is published (exit 4). Example: 0.25"""
    snap: float | str | None = None
    """How far from the grid a stamp may lie and is moved onto it: a duration, or a share of the period, less than half.
    Null: stamps must lie on the grid. Example: 5m
    """
    stamped: Stamped | None = None
    """Whether `ds` names the start or the end of its period. Null: the end where all stamps of a series are last days
    of months, else the start. Example: end
    """

    def __post_init__(self) -> None:
        if self.max_gap is not None and self.max_gap < 0:
            raise InputError(f"max_gap must be at least 0 or null, got {self.max_gap}: set data.quality.max_gap")
        if not 0.0 <= self.max_quarantined <= 1.0:
            raise InputError(
                f"max_quarantined must lie between 0 and 1, got {self.max_quarantined}: "
                "set data.quality.max_quarantined"
            )


@dataclass(frozen=True)
class Checked:
    """`frame`: unique_id, ds, y, covariates of the good series, sorted by key. `found`: what was set aside, dropped or
    moved; `facts`: a line per good series. `n_series`: ids in the input; those of `frame` and the quarantined ones add up
    to it.
    """

    frame: pl.DataFrame
    found: pl.DataFrame
    facts: pl.DataFrame
    n_series: int
    max_gap: int | None = None

    @cached_property
    def quarantine(self) -> pl.DataFrame:
        """One row per series and reason (the QuarantineTable without dataset_version), flags too."""
        return findings([self.found, flagged(self.facts, self.max_gap)])

    @property
    def n_quarantined(self) -> int:
        """Series that are set aside."""
        return int(self.found.filter(pl.col("reason").is_in(reasons_with("set aside")))[UNIQUE_ID].n_unique())

    @property
    def account(self) -> list[dict[str, Any]]:
        """What a person reads, a line per reason."""
        return account(self.quarantine)


class TooManyQuarantinedError(LimitError):
    """More series are set aside than `max_quarantined` allows; `account` says why."""

    def __init__(self, message: str, told: list[dict[str, Any]]) -> None:
        super().__init__(message)
        self.account = told


def grid_phase(ds: pl.Series, freq: Frequency, settings: QualitySettings, counts: pl.Series | None = None) -> int:
    """The phase of the grid on which most of the input's stamps lie, as `check_series` finds it when it sees them all.

    `ds` as the source gives it; `counts`: how many rows each stamp stands for (null: one each).
    """
    each = pl.int_range(pl.len()).cast(pl.String).alias(UNIQUE_ID)  # without series each stamp stands for itself
    number = pl.lit(1, pl.Int64) if counts is None else counts
    rows = pl.DataFrame({DS: stamps(ds, freq)}).with_columns(each, n=number).drop_nulls(DS)
    freq = freq.of_type(rows.schema[DS])
    moved = at_start(in_utc(rows, freq)[0], freq, settings.stamped)[0]
    return grid_of(moved[DS], freq, tolerance(settings.snap, freq), moved["n"]).phase


def check_series(
    frame: pl.DataFrame,
    freq: Frequency,
    settings: QualitySettings,
    static: Sequence[str],
    past: Sequence[str],
    known_future: Sequence[str],
    now: datetime | None = None,
    phase: int | None = None,
    *,
    aggregate: AggregateSettings | None = None,
    future: pl.DataFrame | None = None,
) -> Checked:
    """Check a long frame (unique_id, ds, y, covariates); `now` (UTC) bounds time stamps, default the clock.

    `phase`: that of `grid_phase` over the whole input, where `frame` is a part of it. `aggregate`: `freq` is coarser than
    the input. `future`: unique_id, ds and known-future covariates of a second source. Raises InputError for missing
    columns, wrong types, no rows, and conflicting duplicates where settings say so.
    """
    roles = Roles(tuple(static), tuple(past), tuple(known_future))
    ready, parts = _in_order(frame, freq, roles, future, finer=aggregate is not None)
    rows = ready.rows
    freq = freq.of_type(rows.schema[DS])
    rows, grid, moved = _on_grid(rows, freq, settings, phase, aggregate)
    rows, dropped = without_duplicates(rows, settings.duplicates)
    parts += [*moved, *dropped]
    context = _context(rows, grid, roles, settings, now)
    reasons = broken(rows, context, VALUE_RULES | ({} if aggregate else STAMP_RULES), KEY_RULES)
    told = findings(parts)
    local = told.filter(pl.col("reason") == "local_without_zone")  # its doubled hours are no conflict of their own
    reasons = [
        part.join(local, on=UNIQUE_ID, how="anti") if part["reason"][0] == "conflicting_duplicates" else part
        for part in reasons
    ]
    if aggregate is not None:
        rows, incomplete = aggregated(_without(rows, _bad(reasons, told)), freq, roles, aggregate)
        told = findings([told, *incomplete])
    reasons += broken(rows, context, {}, GRID_RULES)
    facts = facts_of(rows, freq)
    reasons += _without_values(ready.held, told, reasons, facts)
    gone = _bad(reasons, told)
    rows, facts = _without(rows, gone), _without(facts, gone)
    return Checked(
        rows, _with_spans([told, *reasons], ready.held), facts, ready.held[UNIQUE_ID].n_unique(), settings.max_gap
    )


def together(parts: Sequence[Checked]) -> Checked:
    """The account of a whole input from those of its parts; `frame` stays empty, since the parts may be too large together."""
    return Checked(
        parts[0].frame.clear(),
        findings([part.found for part in parts]),
        pl.concat([part.facts for part in parts]),
        sum(part.n_series for part in parts),
        parts[0].max_gap,
    )


def require_few_quarantined(checked: Checked, settings: QualitySettings) -> None:
    """Refuse to go on where more than `max_quarantined` of the series, or all of them, are set aside; raises
    TooManyQuarantinedError, and InputError where every series has values of a wrong type: then it is the column that is wrong.
    """
    n, limit = checked.n_quarantined, settings.max_quarantined
    if n <= limit * checked.n_series and n < checked.n_series:
        return
    told = [line for line in checked.account if line["effect"] == "set aside"]
    wrong = next((line for line in told if line["reason"] == "wrong_type" and line["series"] == checked.n_series), None)
    if wrong is not None:
        raise InputError(
            f"values must be numbers and stamps must be times, got {wrong['detail']} in {wrong['example']!r}, and the like in "
            "every series (wrong_column): set data.source (columns, null_values, decimal_comma or ds_format)"
        )
    counts = ", ".join(f"{line['reason']} {line['series']}" for line in sorted(told, key=lambda line: -line["series"]))
    first = max(told, key=lambda line: line["series"], default=None)
    example = f"; {_short(first['example'])}: {first['detail']}" if first else ""
    raise TooManyQuarantinedError(
        f"at most {limit:.0%} of the series, and never all, may be quarantined, got {n} of {checked.n_series} "
        f"({counts}{example}): mend the data, or set data.quality.max_quarantined",
        checked.account,
    )


def _short(name: str) -> str:
    return repr(name if len(name) <= 60 else name[:57] + "...")


def _in_order(
    frame: pl.DataFrame, freq: Frequency, roles: Roles, future: pl.DataFrame | None, *, finer: bool
) -> tuple[Typed, list[pl.DataFrame]]:
    """Typed rows in UTC, sorted by key, with those of the second source; and what was found on the way."""
    if future is not None:
        absent = [name for name in roles.known_future if name not in frame.columns and name in future.columns]
        frame = frame.with_columns(pl.lit(None, dtype=pl.Float64).alias(name) for name in absent)
    told = typed(frame, freq, roles)
    rows, parts = in_utc(_sorted(told.rows), freq.of_type(told.rows.schema[DS]), finer=finer)
    parts = [told.account, *parts]
    if future is not None and not future.is_empty():
        rows, ahead = with_future(rows, future, freq, roles)
        parts += ahead
    return Typed(rows, told.held, told.account), parts


def _sorted(rows: pl.DataFrame) -> pl.DataFrame:
    """By key, rows of one key in the order of the input; rows that are sorted already cost no sort."""
    before, here = pl.col(UNIQUE_ID).shift(1), pl.col(UNIQUE_ID)
    in_order = (before < here) | ((before == here) & (pl.col(DS).shift(1) <= pl.col(DS)))
    if rows.height < 2 or rows.select(in_order.slice(1).all()).item():
        return rows
    return rows.sort(UNIQUE_ID, DS, maintain_order=True)


def _on_grid(
    rows: pl.DataFrame,
    freq: Frequency,
    settings: QualitySettings,
    phase: int | None,
    aggregate: AggregateSettings | None,
) -> tuple[pl.DataFrame, Grid, list[pl.DataFrame]]:
    """Stamps at the start of their period and, where close enough, on the grid; what is aggregated comes as it is."""
    allowed = tolerance(settings.snap, freq)
    if aggregate is not None:
        return rows, Grid(freq, freq.natural_phase), []
    rows, moved = at_start(rows, freq, settings.stamped)
    grid = grid_of(rows[DS], freq, allowed) if phase is None else Grid(freq, phase)
    rows, near = snapped(rows, grid, allowed)
    return rows, grid, moved + near


def _context(rows: pl.DataFrame, grid: Grid, roles: Roles, settings: QualitySettings, now: datetime | None) -> Context:
    return Context(
        grid=grid,
        roles=roles,
        numeric=[Y, *roles.past, *roles.known_future, *(n for n in roles.static if rows.schema[n].is_numeric())],
        dated=rows.schema[DS].is_temporal(),
        now=now or datetime.now(UTC),
        non_negative=settings.non_negative,
        max_gap=settings.max_gap,
    )


def _bad(reasons: list[pl.DataFrame], told: pl.DataFrame) -> pl.Series:
    """Ids that are set aside."""
    told = told.filter(pl.col("reason").is_in(reasons_with("set aside")))
    return pl.concat([told[UNIQUE_ID], *(part[UNIQUE_ID] for part in reasons)]).unique()


def _without(rows: pl.DataFrame, ids: pl.Series) -> pl.DataFrame:
    """Rows of all other series."""
    if ids.is_empty():
        return rows
    known = ids.cast(
        rows.schema[UNIQUE_ID], strict=False
    ).drop_nulls()  # the empty id of nobody's rows is no Enum value
    return rows.filter(~pl.col(UNIQUE_ID).is_in(known.implode()))


def _without_values(
    held: pl.DataFrame, told: pl.DataFrame, reasons: list[pl.DataFrame], facts: pl.DataFrame
) -> list[pl.DataFrame]:
    """Series of which nothing is observed, and those that the reasons so far cannot explain."""
    seen = facts.filter(pl.col("n_observed") > 0)[UNIQUE_ID]
    ids = held.select(pl.col(UNIQUE_ID).unique().cast(pl.String))
    empty = _without(ids, pl.concat([seen, _bad(reasons, told)]))
    return [empty.select(UNIQUE_ID, reason=pl.lit("no_values"), detail=pl.lit("y has no value at all"))]


def _with_spans(parts: list[pl.DataFrame], held: pl.DataFrame) -> pl.DataFrame:
    """All findings; those of whole series say what the input held of them."""
    told = parts[0]
    aside = pl.col("reason").is_in(reasons_with("set aside"))
    series = pl.concat([part.select(UNIQUE_ID, "reason", "detail") for part in (told.filter(aside), *parts[1:])])
    wanted = series[UNIQUE_ID].unique().cast(held.schema[UNIQUE_ID])
    of_those = held.filter(pl.col(UNIQUE_ID).is_in(wanted.implode()))
    spans = of_those.group_by(pl.col(UNIQUE_ID).cast(pl.String)).agg(
        shown(pl.col(DS).min()).alias("first_ds"),
        shown(pl.col(DS).max()).alias("last_ds"),
        pl.len().cast(pl.Int64).alias("n_rows"),
    )
    return findings([told.filter(~aside), series.join(spans, on=UNIQUE_ID, how="left")])
