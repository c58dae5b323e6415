"""Which rows the series view shows: cutoffs by name, part of the history, forecasts beside actuals, scores as a table.

Frames of one series come in, frames go out; nothing here knows the page.
"""

from collections.abc import Sequence
from typing import Any

import polars as pl

from forecasting.figures.fan import times
from forecasting.schema import CUTOFF, DS, FALLBACK, STEP, UNIQUE_ID, Y_HAT, Y, quantile_columns, quantile_levels_of

RECENT = 24  # periods of history that are always shown


def cutoff_names(forecasts: pl.DataFrame | None) -> dict[str, Any]:
    """Every cutoff by its name as text, the newest first: {"2006-01-01": date(2006, 1, 1)}."""
    if forecasts is None:
        return {}
    cutoffs = forecasts[CUTOFF].unique().sort(descending=True)
    names = [str(t).removesuffix("T00:00:00").removesuffix(":00").replace("T", " ") for t in times(cutoffs)]
    return dict(zip(names, cutoffs.to_list(), strict=True))


def at_cutoff(
    forecasts: pl.DataFrame | None, cutoff: object, models: Sequence[str] | None, source: str
) -> pl.DataFrame:
    """Rows of one cutoff (None: none) and of `models` in that order (None: all), with `source` beside their columns."""
    if forecasts is None or cutoff is None:
        return pl.DataFrame(schema={"model": pl.String, "source": pl.String, FALLBACK: pl.String})
    columns = ["model", UNIQUE_ID, CUTOFF, DS, STEP, Y_HAT, *quantile_columns(quantile_levels_of(forecasts)), FALLBACK]
    rows = forecasts.filter(pl.col(CUTOFF) == cutoff).select(columns).with_columns(source=pl.lit(source))
    chosen = rows["model"].unique(maintain_order=True).to_list() if models is None else models
    return pl.concat([rows.clear(), *(rows.filter(pl.col("model") == m).sort(DS) for m in chosen)])


def together(parts: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """Those of `at_cutoff` below each other; without any row a frame with the column model only."""
    filled = [part for part in parts if part.height]
    return pl.concat(filled, how="diagonal") if filled else pl.DataFrame(schema={"model": pl.String})


def recent(history: pl.DataFrame, forecasts: pl.DataFrame) -> pl.DataFrame:
    """`history` (ds ascending) from four horizons, at least `RECENT` rows, before the oldest cutoff shown."""
    if forecasts.is_empty():
        return history.tail(4 * RECENT)
    before = history.filter(pl.col(DS) <= forecasts[CUTOFF].min()).tail(max(RECENT, 4 * forecasts[STEP].n_unique()))
    return history.filter(pl.col(DS) >= before[DS][0]) if before.height else history


def with_actuals(forecasts: pl.DataFrame, history: pl.DataFrame) -> pl.DataFrame:
    """`forecasts` with the observed y (null where it has not arrived): the table that is downloaded."""
    if forecasts.is_empty():
        return forecasts
    return forecasts.join(history.select(DS, Y), on=DS, how="left", maintain_order="left")


def score_board(scores: pl.DataFrame, cutoff: object, board: pl.DataFrame, metrics: Sequence[str]) -> pl.DataFrame:
    """Rows model, kind, one column per metric at `cutoff` (None: the mean over all), in the leaderboard's order."""
    rows = scores if cutoff is None else scores.filter(pl.col(CUTOFF) == cutoff)
    values = rows.filter(pl.col("metric").is_in(list(metrics))).group_by("model", "metric").agg(pl.col("value").mean())
    wide = board.select("model", "kind")
    for metric in metrics:
        part = values.filter(pl.col("metric") == metric).select("model", pl.col("value").alias(metric))
        wide = wide.join(part, on="model", how="left", maintain_order="left")
    return wide


def reasons(scores: pl.DataFrame, cutoff: object) -> list[str]:
    """Why scores are missing: one text per metric and reason, naming the models."""
    rows = scores if cutoff is None else scores.filter(pl.col(CUTOFF) == cutoff)
    rows = rows.filter(pl.col("value").is_null() & pl.col("reason").is_not_null())
    grouped = rows.group_by("metric", "reason").agg(pl.col("model").unique().sort()).sort("metric", "reason")
    return [f"no {metric} for {', '.join(models)}: {reason}" for metric, reason, models in grouped.iter_rows()]
