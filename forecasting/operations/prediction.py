"""Batch prediction: forecasts of every series from one origin, published to the forecasts table in one commit.

Comes in: a fitted forecaster, the arrays, the origins. Goes out: a Delta commit that replaces exactly these cutoffs, with the
lineage of each row. A series that the forecaster cannot serve gets the fallback's forecast, named in its rows; too many of
those and nothing is published.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
from deltalake import DeltaTable, write_deltalake
from deltalake.exceptions import CommitFailedError

from forecasting.errors import InputError, LimitError, LockedError, unknown
from forecasting.forecasters.baselines import BASELINES
from forecasting.forecasters.fallback import forecast_with_fallback
from forecasting.forecasters.protocol import Forecaster, Progress, to_frame
from forecasting.schema import CUTOFF, DS, FALLBACK, UNIQUE_ID, PublishedTable, check
from forecasting.series.arrays import Origins, SeriesArrays
from forecasting.series.store import digest_of
from forecasting.series.unlearnable import Reasons

LINEAGE = ["model", "model_name", "model_version", "model_digest", "run_id", "dataset_version", "generated_at"]


@dataclass(frozen=True)
class PredictionSettings:
    """`fallback` serves what the champion cannot; above a share of `max_fallback` of the series nothing is published."""

    __pydantic_config__ = {"extra": "forbid"}  # noqa: RUF012 - read by pydantic where the config file is parsed

    fallback: str = "seasonal_naive"
    max_fallback: float = 0.2

    def __post_init__(self) -> None:
        if self.fallback not in BASELINES:
            raise unknown("the fallback", self.fallback, list(BASELINES), "prediction.fallback")
        if not 0 <= self.max_fallback <= 1:
            raise InputError(f"max_fallback must lie in 0..1, got {self.max_fallback}: set prediction.max_fallback")


@dataclass(frozen=True)
class Lineage:
    """Which model made the rows, from which data, in which run."""

    model: str  # forecaster's name, such as gru_encoder_decoder or ets
    model_name: str  # registered name
    model_version: str
    model_digest: str
    run_id: str
    dataset_version: int


@dataclass(frozen=True)
class Published:
    """What a publish did: `changed` is false where the table held the same rows already."""

    version: int
    digest: str
    n_rows: int
    n_series: int
    n_fallback: int
    changed: bool


def forecast_batch(
    forecaster: Forecaster,
    settings: PredictionSettings,
    arrays: SeriesArrays,
    origins: Origins,
    on_progress: Progress,
    declined: Reasons | None = None,
) -> pl.DataFrame:
    """ForecastTable rows of all origins; raises LimitError where too many series fell back. `declined` (O,): of which origins
    the forecaster is not asked, and why.
    """
    forecast = forecast_with_fallback(forecaster, settings.fallback, arrays, origins, on_progress, declined)
    n_fallback = sum(reason is not None for reason in forecast.fallback)
    if n_fallback > settings.max_fallback * max(len(origins), 1):
        raise LimitError(
            f"at most {settings.max_fallback:.0%} of the series may fall back, got {n_fallback} of {len(origins)}: nothing was "
            "published; look at the reasons in the summary or set prediction.max_fallback"
        )
    return to_frame(forecast, arrays, origins, forecaster.task)


def with_lineage(frame: pl.DataFrame, lineage: Lineage) -> pl.DataFrame:
    """`frame` as PublishedTable rows."""
    values = {**lineage.__dict__, "generated_at": datetime.now(UTC)}
    columns = [pl.lit(values[name]).alias(name) for name in LINEAGE]
    typed = frame.with_columns(columns).with_columns(
        pl.col("dataset_version").cast(pl.Int64), pl.col("generated_at").cast(pl.Datetime("us", "UTC"))
    )
    return check(PublishedTable, typed, [UNIQUE_ID, CUTOFF, DS])


def read_published(table: Path, cutoffs: pl.Series | None = None) -> pl.DataFrame | None:
    """Published rows, of the given cutoffs or all; None before the first publish."""
    if not DeltaTable.is_deltatable(str(table)):
        return None
    rows = pl.scan_delta(str(table))
    return (rows if cutoffs is None else rows.filter(pl.col(CUTOFF).is_in(cutoffs.unique().implode()))).collect()


def publish(table: Path, frame: pl.DataFrame) -> Published:
    """Put PublishedTable rows into the table: each (series, cutoff) in `frame` is replaced, in one commit.

    The same rows again (lineage's time aside) make no new version. Of two writers one wins; the other finds the same rows and
    is done, or raises LockedError.
    """
    digest = digest_of(frame, exclude=["generated_at"])
    present = read_published(table, frame[CUTOFF])
    n_fallback = frame.filter(pl.col(FALLBACK).is_not_null())[UNIQUE_ID].n_unique()
    counts = (frame.height, frame[UNIQUE_ID].n_unique(), n_fallback)
    if present is None:
        table.mkdir(parents=True, exist_ok=True)
        _commit(table, frame, None)
        return Published(DeltaTable(str(table)).version(), digest, *counts, changed=True)
    pairs = frame.select(UNIQUE_ID, CUTOFF).unique()
    replaced = present.join(pairs, on=[UNIQUE_ID, CUTOFF], how="semi")
    same = replaced.height and digest_of(replaced.select(frame.columns), exclude=["generated_at"]) == digest
    if not same:
        # Other series' forecasts from the same cutoffs (cutoffs differ by series where they are counted from each one's end) stay.
        kept = present.join(pairs, on=[UNIQUE_ID, CUTOFF], how="anti")
        rows = pl.concat([frame, kept], how="diagonal").sort(UNIQUE_ID, CUTOFF, DS)
        _commit(table, rows, rows[CUTOFF].unique().sort())
    return Published(DeltaTable(str(table)).version(), digest, *counts, changed=not same)


def _commit(table: Path, rows: pl.DataFrame, cutoffs: pl.Series | None) -> None:
    try:
        if cutoffs is None:
            write_deltalake(str(table), rows.to_arrow(), mode="error")
        else:
            predicate = f"{CUTOFF} IN ({', '.join(map(_literal, cutoffs))})"
            write_deltalake(str(table), rows.to_arrow(), mode="overwrite", predicate=predicate, schema_mode="merge")
    except (CommitFailedError, FileExistsError) as error:
        raise LockedError(
            f"one writer at a time may publish to {table.name}, another one committed first: run predict again"
        ) from error


def _literal(value: object) -> str:
    """A cutoff as SQL: ours are integers, dates and UTC time stamps, never text from the data."""
    if isinstance(value, int):
        return str(value)
    if isinstance(value, datetime):
        return f"TIMESTAMP '{value.isoformat()}'"
    return f"DATE '{value}'"
