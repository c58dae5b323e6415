"""Quality checks: comes in a source's long frame, goes out the clean series table and an account of what was set aside.

A wrong column or type stops the whole input (InputError); a series that breaks a rule of `rules.py` is quarantined with
every reason; rows without a key and exact duplicates are dropped and counted. Nulls stay: filling happens as of a
cutoff.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

import polars as pl

from forecasting.errors import InputError, LimitError
from forecasting.freq import Frequency
from forecasting.schema import DS, UNIQUE_ID, Y
from forecasting.series.columns import Roles, typed
from forecasting.series.filling import Fill
from forecasting.series.rules import Context, broken

SHORT_BELOW = 10  # observed values; such series are kept and counted
STALE_BEYOND = 3  # periods without y up to the newest observation of any series


@dataclass(frozen=True)
class QualitySettings:
    """`max_gap`: longest run of periods without y between two observed ones (null: any); `max_quarantined`: share of
    series.

    `duplicates` says what becomes of rows with one key and different values: quarantine the series, keep the last row
    of the input, or stop with an error.
    """

    __pydantic_config__ = {"extra": "forbid"}  # noqa: RUF012 - read by pydantic where the config file is parsed

    max_gap: int | None = 3
    fill: Fill = "interpolate"
    duplicates: Literal["quarantine", "last", "error"] = "quarantine"
    non_negative: bool = False
    max_quarantined: float = 0.1

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
    """`frame`: unique_id, ds, y, covariates of the good series, sorted by key. `quarantine`: one row per series and
    reason (the QuarantineTable without dataset_version). `notes`: counts of dropped rows and of kept but remarkable
    series. `n_series`: ids in the input; those of `frame` and of `quarantine` add up to it. `ends`: the period of each
    good series' last observed y.
    """

    frame: pl.DataFrame
    quarantine: pl.DataFrame
    notes: dict[str, int]
    n_series: int
    ends: pl.Series

    @property
    def n_quarantined(self) -> int:
        return self.quarantine[UNIQUE_ID].n_unique()


def check_series(
    frame: pl.DataFrame,
    freq: Frequency,
    settings: QualitySettings,
    static: Sequence[str],
    past: Sequence[str],
    known_future: Sequence[str],
    now: datetime | None = None,
    phase: int | None = None,
) -> Checked:
    """Check a long frame (unique_id, ds, y, covariates); `now` (UTC) bounds time stamps, default the clock. Where the
    frame holds some series of an input, `phase` is that of all, and `together` adds up what came out.

    Raises InputError for missing columns, wrong types, no rows, and conflicting duplicates where settings say so.
    """
    roles = Roles(tuple(static), tuple(past), tuple(known_future))
    rows = typed(frame, freq, roles)
    total = rows.height
    phase = freq.phase(rows[DS]) if phase is None else phase
    named = rows.filter(pl.col(UNIQUE_ID).is_not_null())
    rows = named.filter(pl.col(DS).is_not_null()).sort(UNIQUE_ID, DS, maintain_order=True)
    notes = {"null_key_rows": total - rows.height}
    rows = _without_duplicates(rows, settings.duplicates, notes)
    numeric = [Y, *roles.past, *roles.known_future, *(name for name in roles.static if rows.schema[name].is_numeric())]
    context = Context(
        freq=freq,
        phase=phase,
        roles=roles,
        numeric=numeric,
        dated=rows.schema[DS].is_temporal(),
        now=now or datetime.now(UTC),
        non_negative=settings.non_negative,
        max_gap=settings.max_gap,
        ids=named[UNIQUE_ID].unique(),
    )
    reasons = broken(rows, context)
    bad = reasons[UNIQUE_ID].unique().cast(rows.schema[UNIQUE_ID])
    good = rows.filter(~pl.col(UNIQUE_ID).is_in(bad.implode())) if len(bad) else rows
    remarkable, ends = _kept_but_remarkable(good, freq)
    return Checked(good, _account(reasons, named, bad), notes | remarkable, context.ids.len(), ends)


def together(parts: Sequence[Checked]) -> Checked:
    """The account of an input whose series were checked in parts; its `frame` is empty, each part keeps its own."""
    ends = pl.concat([part.ends for part in parts])
    names = dict.fromkeys(name for part in parts for name in part.notes)
    notes = {name: sum(part.notes.get(name, 0) for part in parts) for name in names} | {"stale": _stale(ends)}
    quarantine = pl.concat([part.quarantine for part in parts]).sort(UNIQUE_ID, "reason")
    return Checked(parts[0].frame.clear(), quarantine, notes, sum(part.n_series for part in parts), ends)


def require_few_quarantined(checked: Checked, settings: QualitySettings) -> None:
    """Refuse to go on where more than `max_quarantined` of the series, or all of them, are set aside; raises
    LimitError.
    """
    n, limit = checked.n_quarantined, settings.max_quarantined
    if n > limit * checked.n_series or n == checked.n_series:
        counts = checked.quarantine.group_by("reason").len().sort("len", "reason", descending=[True, False])
        shown = ", ".join(f"{reason} {count}" for reason, count in counts.rows())
        raise LimitError(
            f"at most {limit:.0%} of the series, and never all, may be quarantined, got {n} of {checked.n_series} "
            f"({shown}): mend the data, or set data.quality.max_quarantined"
        )


def _without_duplicates(rows: pl.DataFrame, duplicates: str, notes: dict[str, int]) -> pl.DataFrame:
    """Rows sorted by key without exact duplicates, and without conflicting ones where the last is to be kept."""
    again = (pl.col(UNIQUE_ID) == pl.col(UNIQUE_ID).shift(1)) & (pl.col(DS) == pl.col(DS).shift(1))
    doubled = rows.select((again | again.shift(-1)).fill_null(value=False)).to_series()
    notes["exact_duplicates"] = 0
    if not doubled.any():
        return rows
    differing = rows.filter(doubled).unique(keep="last", maintain_order=True)
    notes["exact_duplicates"] = int(doubled.sum()) - differing.height
    conflicts = differing.filter(differing.select(UNIQUE_ID, DS).is_duplicated())
    if duplicates == "error" and not conflicts.is_empty():
        first = conflicts.row(0, named=True)
        raise InputError(
            f"a series must have one row per ds, got {conflicts.height} rows that differ, the first of "
            f"{first[UNIQUE_ID]!r} at {first[DS]}: mend the data, or set data.quality.duplicates to last or quarantine"
        )
    if duplicates == "last":
        last = differing.unique([UNIQUE_ID, DS], keep="last", maintain_order=True)
        notes["conflicting_duplicates_dropped"] = differing.height - last.height
        differing = last
    return pl.concat([rows.filter(~doubled), differing]).sort(UNIQUE_ID, DS, maintain_order=True)


def _account(reasons: pl.DataFrame, rows: pl.DataFrame, bad: pl.Series) -> pl.DataFrame:
    """The broken rules with what the input held of their series."""
    held = rows.filter(pl.col(UNIQUE_ID).is_in(bad.implode())).group_by(pl.col(UNIQUE_ID).cast(pl.String))
    spans = held.agg(
        pl.col(DS).min().cast(pl.String).alias("first_ds"),
        pl.col(DS).max().cast(pl.String).alias("last_ds"),
        pl.len().cast(pl.Int64).alias("n_rows"),
    )
    return reasons.join(spans, on=UNIQUE_ID, how="left", maintain_order="left")


def _kept_but_remarkable(rows: pl.DataFrame, freq: Frequency) -> tuple[dict[str, int], pl.Series]:
    """How many good series are constant (two or more equal values), short, or stale; and the period each one ends in."""
    seen = rows.filter(pl.col(Y).is_not_null()).with_columns(o=freq.ordinal(pl.col(DS)))
    series = seen.group_by(UNIQUE_ID).agg(
        pl.len().alias("n"), flat=pl.col(Y).min() == pl.col(Y).max(), end=pl.col("o").max()
    )
    counts = series.select(
        constant=((pl.col("n") > 1) & pl.col("flat")).sum(),
        short=(pl.col("n") < SHORT_BELOW).sum(),
    )
    notes = {name: int(counts[name][0]) for name in counts.columns}
    return notes | {"stale": _stale(series["end"])}, series["end"]


def _stale(ends: pl.Series) -> int:
    """How many series end well before the newest one does."""
    periods = ends.to_numpy()
    return int((periods < periods.max() - STALE_BEYOND).sum()) if len(periods) else 0
