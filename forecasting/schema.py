"""The tables between stages as typed contracts; imports nobody else of this project.

`ds` is the start of the period: Datetime("us", UTC), Date, or Int64 for integer steps. `y` and all forecasts are in the
original unit of the series. Column names are constants and never parameters.
"""

import dataframely as dy
import polars as pl

UNIQUE_ID = "unique_id"
DS = "ds"
Y = "y"
CUTOFF = "cutoff"
STEP = "step"
Y_HAT = "y_hat"
FALLBACK = "fallback"


class _Timed(dy.Schema):
    unique_id = dy.String(nullable=False)
    ds = dy.Any()

    @dy.rule()
    def ds_is_not_null(cls) -> pl.Expr:  # noqa: N805 - dataframely calls rules with the schema class
        return pl.col(DS).is_not_null()


class SeriesTable(_Timed):
    """Key (unique_id, ds): y is null where unobserved; covariates named in the config follow as further columns."""

    y = dy.Float64(nullable=True)

    @dy.rule()
    def y_is_finite(cls) -> pl.Expr:  # noqa: N805
        return pl.col(Y).is_finite()


class QuarantineTable(dy.Schema):
    """Key (dataset_version, unique_id, reason): why a series was set aside, or what was dropped from it."""

    dataset_version = dy.Int64(nullable=False)
    unique_id = dy.String(nullable=False)
    reason = dy.String(nullable=False)
    detail = dy.String(nullable=False)
    first_ds = dy.String(nullable=True)
    last_ds = dy.String(nullable=True)
    n_rows = dy.Int64(nullable=False)


class ForecastTable(_Timed):
    """Key (unique_id, cutoff, ds): y_hat, one column per quantile level (q10, q50, q97_5) and the fallback's reason or null."""

    cutoff = dy.Any()
    step = dy.Int64(nullable=False, min=1)
    y_hat = dy.Float64(nullable=False)
    fallback = dy.String(nullable=True)

    @dy.rule()
    def cutoff_is_not_null(cls) -> pl.Expr:  # noqa: N805
        return pl.col(CUTOFF).is_not_null()

    @dy.rule()
    def y_hat_is_finite(cls) -> pl.Expr:  # noqa: N805
        return pl.col(Y_HAT).is_finite()


class BacktestTable(ForecastTable):
    """Key (run_id, model, unique_id, cutoff, ds)."""

    run_id = dy.String(nullable=False)
    model = dy.String(nullable=False)


class PublishedTable(ForecastTable):
    """The forecasts table: key (unique_id, cutoff, ds) and the lineage of each row."""

    model = dy.String(nullable=False)
    model_name = dy.String(nullable=False)
    model_version = dy.String(nullable=False)
    model_digest = dy.String(nullable=False)
    run_id = dy.String(nullable=False)
    dataset_version = dy.Int64(nullable=False)
    generated_at = dy.Datetime(nullable=False, time_zone="UTC")


class ScoresTable(dy.Schema):
    """Key (run_id, model, unique_id, cutoff, metric): value over the horizon, null with a reason where undefined."""

    run_id = dy.String(nullable=False)
    model = dy.String(nullable=False)
    unique_id = dy.String(nullable=False)
    cutoff = dy.Any()
    metric = dy.String(nullable=False)
    value = dy.Float64(nullable=True)
    reason = dy.String(nullable=True)

    @dy.rule()
    def cutoff_is_not_null(cls) -> pl.Expr:  # noqa: N805
        return pl.col(CUTOFF).is_not_null()


class StepScoresTable(dy.Schema):
    """Key (run_id, model, step, metric): value over all series and cutoffs."""

    run_id = dy.String(nullable=False)
    model = dy.String(nullable=False)
    step = dy.Int64(nullable=False, min=1)
    metric = dy.String(nullable=False)
    value = dy.Float64(nullable=True)


class SlicesTable(dy.Schema):
    """Key (run_id, model, metric, slice, group): scores of the origins in a group, n of them defined; null where none is.

    `slice` names what is grouped by: all, cutoff, history_length, weekday, holiday, or a static covariate.
    """

    run_id = dy.String(nullable=False)
    model = dy.String(nullable=False)
    metric = dy.String(nullable=False)
    slice = dy.String(nullable=False)
    group = dy.String(nullable=False)
    mean = dy.Float64(nullable=True)
    median = dy.Float64(nullable=True)
    weighted = dy.Float64(nullable=True)
    n = dy.Int64(nullable=False)


def quantile_column(level: float) -> str:
    """Column of a quantile level in (0, 1), in percent with `_` for the point: 0.1 -> q10, 0.975 -> q97_5."""
    return "q" + f"{round(level * 100, 6):g}".replace(".", "_")


def quantile_columns(levels: tuple[float, ...] | list[float]) -> list[str]:
    """Columns of all levels, in their order."""
    return [quantile_column(level) for level in levels]


def quantile_level(column: str) -> float:
    """The inverse of `quantile_column`: q97_5 -> 0.975."""
    return round(float(column[1:].replace("_", ".")) / 100, 8)


def quantile_levels_of(frame: pl.DataFrame) -> tuple[float, ...]:
    """The levels whose columns a forecasts frame holds, ascending."""
    return tuple(sorted(quantile_level(c) for c in frame.columns if c[:1] == "q" and c[1:2].isdigit()))


def conform(schema: type[dy.Schema], frame: pl.DataFrame) -> pl.DataFrame:
    """`frame` with its columns beyond the contract kept; raises dataframely's ValidationError."""
    schema.validate(frame.select(schema.column_names()), cast=False)
    return frame


def check(schema: type[dy.Schema], frame: pl.DataFrame, key: list[str]) -> pl.DataFrame:
    """As `conform`, and each key once: raises ValueError where one is doubled."""
    conform(schema, frame)
    if frame.select(key).is_duplicated().any():
        raise ValueError(f"{schema.__name__}: {key} must be unique")
    return frame
