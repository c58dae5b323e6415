"""Scores of forecasts: rows of the BacktestTable come in, with the arrays that hold the actual values and the origins.

Goes out: rows of the ScoresTable (one per origin and metric) and of the StepScoresTable (one per step and metric).
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import polars as pl

from forecasting.evaluation.formulas import Cases
from forecasting.evaluation.metrics import Part, expanded
from forecasting.schema import (
    CUTOFF,
    STEP,
    UNIQUE_ID,
    Y_HAT,
    ScoresTable,
    StepScoresTable,
    check,
    quantile_columns,
    quantile_levels_of,
)
from forecasting.series.arrays.scale import in_sample_scale, standard_deviation
from forecasting.series.arrays.series_arrays import Origins, SeriesArrays

_KEY = ["run_id", "model", UNIQUE_ID, CUTOFF]


def score(
    backtest_frame: pl.DataFrame,
    arrays: SeriesArrays,
    origins: Origins,
    season_length: int,
    metrics: Sequence[str],
    standard: Origins | None = None,
) -> pl.DataFrame:
    """Rows of the ScoresTable for every (run_id, model) of the frame, sorted by key, metrics in the given order.

    Metrics of quantiles are followed by their parts (see `metrics.expanded`). `standard` says up to which row of each
    series the standardised metrics take its standard deviation (null: up to each origin). Raises ValueError where a
    forecast has no origin in `origins` or lacks a step; a model may lack origins.
    """
    parts = expanded(metrics, quantile_levels_of(backtest_frame))
    values_schema = {"metric": pl.String, "value": pl.Float64, "reason": pl.String}
    made = [pl.DataFrame(schema={**_key_schema(arrays), **values_schema})]
    for keys, cases in cases_of(
        backtest_frame, arrays, origins, season_length, standard, standardised=_standardised(metrics)
    ):
        n, M = len(keys), len(parts)
        values, reasons = np.empty((n, M)), np.full((n, M), None, dtype=object)
        for m, part in enumerate(parts):
            mine = part.of(cases)
            values[:, m] = part.metric(mine)
            if np.isnan(values[:, m]).any():
                reasons[:, m] = part.metric.reasons(mine, values[:, m])
        told = reasons.ravel().tolist() if np.isnan(values).any() else [None] * (n * M)
        names = pl.Series("metric", [part.name for part in parts], dtype=pl.String).gather(np.tile(np.arange(M), n))
        rows = keys[np.repeat(np.arange(n), M)].with_columns(
            names, value=pl.Series(values.ravel()).fill_nan(None), reason=pl.Series(told, dtype=pl.String)
        )
        made.append(rows)
    return check(ScoresTable, pl.concat(made), [*_KEY, "metric"])


def step_scores(
    backtest_frame: pl.DataFrame,
    arrays: SeriesArrays,
    origins: Origins,
    season_length: int,
    metrics: Sequence[str],
    standard: Origins | None = None,
) -> pl.DataFrame:
    """Rows of the StepScoresTable, sorted by (run_id, model, step): each formula over one step of all origins.

    An origin whose own score is undefined is left out; value is null where no origin is left. Raises as `score` does.
    """
    schema = {"run_id": pl.String, "model": pl.String, STEP: pl.Int64, "metric": pl.String, "value": pl.Float64}
    parts = expanded(metrics, quantile_levels_of(backtest_frame))
    made = [pl.DataFrame(schema=schema)]
    for keys, cases in cases_of(
        backtest_frame, arrays, origins, season_length, standard, standardised=_standardised(metrics)
    ):
        run_id, model = keys.row(0)[:2]
        by_step = np.stack([_step_values(part, cases) for part in parts], axis=1)  # (H, M)
        H, M = by_step.shape
        rows = {
            "run_id": [run_id] * (H * M),
            "model": [model] * (H * M),
            STEP: np.repeat(np.arange(1, H + 1), M),
            "metric": [part.name for part in parts] * H,
            "value": by_step.ravel(),
        }
        made.append(pl.DataFrame(rows, schema=schema).with_columns(pl.col("value").fill_nan(None)))
    return check(StepScoresTable, pl.concat(made), ["run_id", "model", STEP, "metric"])


def cases_of(
    frame: pl.DataFrame,
    arrays: SeriesArrays,
    origins: Origins,
    season_length: int,
    standard: Origins | None = None,
    *,
    standardised: bool = True,
) -> Iterator[tuple[pl.DataFrame, Cases]]:
    """Per (run_id, model), sorted: keys run_id, model, unique_id, cutoff of n origins, sorted, and their cases.

    Without `standardised` the standard deviations, which take a while, are left out.
    """
    if frame.is_empty():
        return
    frame, keys, horizon = _in_blocks(frame)
    known = pl.DataFrame(
        {
            UNIQUE_ID: pl.Series(arrays.ids, dtype=pl.String).gather(origins.series),
            CUTOFF: arrays.ds.gather(origins.row),
            "origin": np.arange(len(origins)),
        }
    )
    placed = keys.join(known, on=[UNIQUE_ID, CUTOFF], how="left", validate="m:1").sort(_KEY)
    if placed["origin"].has_nulls():
        lost = placed.filter(pl.col("origin").is_null()).row(0, named=True)
        raise ValueError(f"every forecast must have an origin, got none for {lost}")
    levels = quantile_levels_of(frame)
    n = len(keys)
    y_hat = frame[Y_HAT].to_numpy().reshape(n, horizon)
    quantiles = np.empty((len(levels), n, horizon))  # a level at a time is read, so each lies in one piece
    for i, column in enumerate(quantile_columns(levels)):
        quantiles[i] = frame[column].to_numpy().reshape(n, horizon)
    absolute, squared = in_sample_scale(arrays, origins, season_length)
    sd = standard_deviation(arrays, origins, standard) if standardised else np.full(len(origins), np.nan)
    for _, part in placed.group_by("run_id", "model", maintain_order=True):
        origin, block = part["origin"].to_numpy(), part["block"].to_numpy()
        rows: Any = slice(None) if np.array_equal(block, np.arange(n)) else block
        yield (
            part.select(_KEY),
            Cases(
                y=arrays.targets(origins.take(origin), horizon),
                y_hat=y_hat[rows],
                quantiles=quantiles[:, rows].transpose(1, 2, 0),
                levels=np.asarray(levels),
                scale=absolute[origin, None],
                scale_squared=squared[origin, None],
                sd=sd[origin, None],
            ),
        )


def _in_blocks(frame: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame, int]:
    """`frame` with each forecast as one block of rows; its keys with the number of their block; the horizon.

    Rows of our own tables come so; others are sorted first. Raises ValueError where a forecast lacks a step.
    """
    for attempt in (frame, frame.lazy().sort(*_KEY, STEP)):
        table = attempt if isinstance(attempt, pl.DataFrame) else attempt.collect()
        step = table[STEP].to_numpy()
        horizon = int(step.max())
        n = len(step) // horizon
        if len(step) == n * horizon and (step.reshape(n, horizon) == np.arange(1, horizon + 1)).all():
            same = table.select(
                (pl.all_horizontal(pl.col(k) == pl.col(k).shift(1) for k in _KEY) | (pl.col(STEP) == 1)).all()
            )
            if same.item():
                keys = table.gather_every(horizon).select(_KEY).with_columns(block=pl.int_range(n, dtype=pl.Int64))
                return table, keys, horizon
    raise ValueError(f"every forecast must have steps 1 to {horizon}, once each, got others from {frame['model'][0]}")


def _step_values(part: Part, cases: Cases) -> Any:
    """The metric of each step over all origins whose own value is defined; (H,)."""
    mine = part.of(cases)
    return part.metric(mine.take(np.isfinite(part.metric(mine))).transposed())


def _standardised(metrics: Sequence[str]) -> bool:
    return any(name.startswith("standardised") for name in metrics)


def _key_schema(arrays: SeriesArrays) -> dict[str, Any]:
    return {"run_id": pl.String, "model": pl.String, UNIQUE_ID: pl.String, CUTOFF: arrays.ds.dtype}
