"""To a coarser frequency: comes in rows of a finer step, goes out one row per period, and an account of incomplete ones.

A period is complete where y is observed at (a share of) all its steps; the y of an incomplete one, also at either end of a
series, is null. Covariates take what is known of them in the period.
"""

from dataclasses import dataclass, field
from typing import Literal

import polars as pl

from forecasting.errors import InputError, unknown
from forecasting.freq import Frequency
from forecasting.schema import DS, UNIQUE_ID, Y
from forecasting.series.checks.account import found, shown
from forecasting.series.checks.columns import Roles
from forecasting.series.checks.snapping import units

How = Literal["mean", "sum", "min", "max", "first", "last"]
_DAY_US = 86400 * 10**6
_MONTH_US = 2629746 * 10**6  # a twelfth of the mean year


@dataclass(frozen=True)
class AggregateSettings:
    """How steps become periods of a coarser frequency.

    The finer step is read off each series: the most frequent distance between its stamps.
    """

    __pydantic_config__ = {"extra": "forbid"}  # noqa: RUF012 - read by pydantic where the config file is parsed

    y: Literal["sum", "mean"]
    """How the steps of a period make its `y`: sum or mean. Example: sum"""
    covariates: dict[str, How] = field(default_factory=dict)
    """How each covariate is made: mean, sum, min, max, first or last; mean where it is not named. Example: {promotion:
    max}
    """
    min_share: float = 1.0
    """Share of a period's steps that must have a `y`, else the period's `y` is null; a sum needs all. Example: 0.9"""

    def __post_init__(self) -> None:
        if not 0.0 < self.min_share <= 1.0:
            raise InputError(
                f"min_share must lie above 0 and at most at 1, got {self.min_share}: set data.aggregate.min_share"
            )
        if self.y == "sum" and self.min_share < 1.0:
            raise InputError(
                f"a sum needs all steps of its period, got min_share {self.min_share}: set data.aggregate.y to mean, or "
                "min_share to 1"
            )


def aggregated(
    rows: pl.DataFrame, freq: Frequency, roles: Roles, settings: AggregateSettings
) -> tuple[pl.DataFrame, list[pl.DataFrame]]:
    """Sorted rows as one per period of `freq`, which begins at its natural start; columns and types unchanged.

    Raises InputError for a covariate of `settings` that is none.
    """
    varying = [*roles.past, *roles.known_future]
    for name in settings.covariates:
        if name not in varying:
            raise unknown("a covariate to aggregate", name, varying, "data.aggregate.covariates")
    placed = _placed(rows, freq)
    periods = placed.group_by(UNIQUE_ID, "__start", maintain_order=True).agg(
        _of(Y, settings.y).alias(Y),
        *(_of(name, settings.covariates.get(name, "mean")).alias(name) for name in varying),
        *(pl.col(name).drop_nulls().first() for name in roles.static),
        pl.col(Y).count().alias("__n"),
        pl.col("__expected").first(),
    )
    needed = (settings.min_share * pl.col("__expected")).ceil()
    complete = pl.col("__n") >= needed
    parts = _incomplete(periods.filter(~complete & (pl.col("__n") > 0)))
    whole = periods.with_columns(pl.when(complete).then(pl.col(Y)).alias(Y), pl.col("__start").alias(DS))
    return whole.select(rows.columns), parts


def _placed(rows: pl.DataFrame, freq: Frequency) -> pl.DataFrame:
    """Each row with the start of its period and how many steps that has."""
    dtype = rows.schema[DS]
    period = freq.ordinal(pl.col(DS))
    start = freq.at(period, freq.natural_phase, dtype)
    period = period - (start > pl.col(DS)).cast(pl.Int64)
    same = pl.col(UNIQUE_ID) == pl.col(UNIQUE_ID).shift(1)
    place = units(pl.col(DS), dtype)
    steps = rows.select(UNIQUE_ID, __step=pl.when(same).then(place - place.shift(1))).drop_nulls()
    steps = steps.group_by(UNIQUE_ID).agg(pl.col("__step").mode().min())
    placed = rows.with_columns(
        freq.at(period, freq.natural_phase, dtype).alias("__start"),
        freq.at(period + 1, freq.natural_phase, dtype).alias("__end"),
    ).join(steps, on=UNIQUE_ID, how="left", maintain_order="left")
    length = units(pl.col("__end"), dtype) - units(pl.col("__start"), dtype)
    expected = length.floordiv(pl.col("__step"))
    if freq.months:  # months differ in length, so months within quarters and years are counted, not measured
        monthly = (pl.col("__step") / _MONTH_US).round()
        expected = pl.when(pl.col("__step") >= 28 * _DAY_US).then(pl.lit(freq.months) // monthly).otherwise(expected)
    return placed.with_columns(pl.max_horizontal(expected.fill_null(1), pl.lit(1)).alias("__expected"))


def _of(name: str, how: str) -> pl.Expr:
    """null where nothing is known."""
    value = getattr(pl.col(name).drop_nulls(), how)()
    return pl.when(pl.col(name).count() > 0).then(value)


def _incomplete(periods: pl.DataFrame) -> list[pl.DataFrame]:
    if periods.is_empty():
        return []
    text = pl.format(
        "{} periods, the first {} with {} of {} steps: y is null there",
        pl.len(),
        shown(pl.col("__start").first()),
        pl.col("__n").first(),
        pl.col("__expected").first().cast(pl.Int64),
    )
    lost = found(periods.with_columns(pl.col("__start").alias(DS)), "incomplete_period", text)
    counts = periods.group_by(pl.col(UNIQUE_ID).cast(pl.String)).agg(pl.col("__n").sum().cast(pl.Int64).alias("n_rows"))
    return [lost.drop("n_rows").join(counts, on=UNIQUE_ID)]
