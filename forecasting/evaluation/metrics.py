"""Metrics as a table, and the scores they give to forecasts.

Comes in: rows of the BacktestTable, the arrays that hold the actual values, the origins. Goes out: rows of the
ScoresTable (one per origin and metric) and of the StepScoresTable (one per step and metric). A new metric is one row of
`METRICS`.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import polars as pl

from forecasting.errors import InputError, unknown
from forecasting.evaluation import formulas
from forecasting.evaluation.formulas import Cases
from forecasting.evaluation.scale import in_sample_scale
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
from forecasting.series.arrays import FloatArray, Origins, SeriesArrays

Undefined = tuple[str, Callable[[Cases], npt.NDArray[np.bool_]]]  # a reason, and the cases (n,) that it holds for

NO_ACTUALS = "no actual values in the horizon"
NOT_FINITE = "the value is not a finite number"
_NO_SCALE: tuple[Undefined, ...] = (
    ("no two observed values one season apart up to the cutoff", lambda c: np.isnan(c.scale[:, 0])),
    ("the in-sample seasonal naive error is zero (constant series)", lambda c: c.scale[:, 0] == 0),
)
_NO_SIZE: tuple[Undefined, ...] = (("the actual values are all zero", lambda c: c.total(np.abs(c.y)) == 0),)
_A_ZERO: tuple[Undefined, ...] = (("an actual value is zero", lambda c: np.asarray((c.y == 0).any(axis=1))),)
_NO_INTERVAL: tuple[Undefined, ...] = (
    ("fewer than two quantile levels give no interval", lambda c: np.full(len(c.y), len(c.levels) < 2)),
)


@dataclass(frozen=True)
class Metric:
    """One row of the table; a `target` metric is best at a value of its own and cannot rank models."""

    label: str
    function: Callable[[Cases], FloatArray]
    better: Literal["lower", "target"]
    unit: Literal["y", "%", "1"]  # as y, per cent, or a plain ratio
    description: str
    source: str
    undefined: tuple[Undefined, ...] = ()

    def __call__(self, cases: Cases) -> FloatArray:
        """The value of each case, NaN where undefined; (n,)."""
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            value = np.asarray(self.function(cases))
        return np.where(np.isfinite(value), value, np.nan)

    def reasons(self, cases: Cases) -> list[str | None]:
        """Why the value of each case is undefined, None where it is defined; n of them."""
        reasons: list[str | None] = [NOT_FINITE if np.isnan(value) else None for value in self(cases)]
        for reason, test in (*reversed(self.undefined), (NO_ACTUALS, lambda c: c.n_observed == 0)):
            for i in np.flatnonzero(test(cases)):
                reasons[i] = reason if reasons[i] else None
        return reasons


_HYNDMAN = "Hyndman and Koehler 2006, Another look at measures of forecast accuracy"
_M4 = "Makridakis, Spiliotis and Assimakopoulos 2020, The M4 Competition"
_M5 = "Makridakis, Spiliotis and Assimakopoulos 2022, The M5 accuracy competition"
_KOENKER = "Koenker and Bassett 1978, Regression quantiles"
_DEEPAR = "Salinas, Flunkert, Gasthaus and Januschowski 2020, DeepAR (rho-risk)"
_KOLASSA = "Kolassa and Schuetz 2007, Advantages of the MAD/mean ratio over the MAPE"
_CHRISTOFFERSEN = "Christoffersen 1998, Evaluating interval forecasts"

METRICS: dict[str, Metric] = {
    "mase": Metric(
        "MASE",
        formulas.mase,
        "lower",
        "1",
        "mean absolute error against that of the seasonal naive in-sample",
        _HYNDMAN,
        _NO_SCALE,
    ),
    "rmsse": Metric(
        "RMSSE",
        formulas.rmsse,
        "lower",
        "1",
        "root mean squared error against that of the seasonal naive in-sample",
        _M5,
        _NO_SCALE,
    ),
    "smape": Metric("sMAPE", formulas.smape, "lower", "%", "symmetric mean absolute percentage error, 0 to 200", _M4),
    "mape": Metric("MAPE", formulas.mape, "lower", "%", "mean absolute percentage error", _HYNDMAN, _A_ZERO),
    "wape": Metric(
        "WAPE", formulas.wape, "lower", "1", "absolute errors against the sum of actual values", _KOLASSA, _NO_SIZE
    ),
    "wql": Metric(
        "WQL", formulas.wql, "lower", "1", "quantile losses against the sum of actual values", _DEEPAR, _NO_SIZE
    ),
    "pinball": Metric("pinball", formulas.pinball, "lower", "y", "mean quantile loss over all levels", _KOENKER),
    "coverage": Metric(
        "coverage",
        formulas.coverage,
        "target",
        "1",
        "share of actual values inside the outermost interval; best at highest minus lowest level",
        _CHRISTOFFERSEN,
        _NO_INTERVAL,
    ),
    "mae": Metric("MAE", formulas.mae, "lower", "y", "mean absolute error", _HYNDMAN),
    "rmse": Metric("RMSE", formulas.rmse, "lower", "y", "root mean squared error", _HYNDMAN),
    "bias": Metric("bias", formulas.bias, "target", "y", "mean of forecast minus actual; best at 0", _HYNDMAN),
}


def nominal_coverage(levels: Sequence[float]) -> float:
    """What `coverage` should be: highest minus lowest quantile level (0.8 for 0.1, 0.5, 0.9)."""
    return round(max(levels) - min(levels), 8)


def primary(name: str) -> Metric:
    """The metric that ranks models; raises InputError for an unknown one and for one where lower is not better."""
    if name not in METRICS:
        raise unknown("the primary metric", name, list(METRICS), "evaluation.primary_metric")
    if METRICS[name].better != "lower":
        able = ", ".join(sorted(n for n, metric in METRICS.items() if metric.better == "lower"))
        raise InputError(
            f"the primary metric must be one where lower is better, got {name!r}: "
            f"set evaluation.primary_metric to one of {able}"
        )
    return METRICS[name]


def score(
    backtest_frame: pl.DataFrame, arrays: SeriesArrays, origins: Origins, season_length: int, metrics: Sequence[str]
) -> pl.DataFrame:
    """Rows of the ScoresTable for every (run_id, model) of the frame, sorted by key, metrics in the given order.

    Raises ValueError where a forecast has no origin in `origins` or lacks a step; a model may lack origins.
    """
    keys_schema: dict[str, Any] = {
        "run_id": pl.String,
        "model": pl.String,
        UNIQUE_ID: pl.String,
        CUTOFF: arrays.ds.dtype,
    }
    values_schema = {"order": pl.Int64, "metric": pl.String, "value": pl.Float64, "reason": pl.String}
    parts = [pl.DataFrame(schema={**keys_schema, **values_schema})]
    for keys, cases in _by_model(backtest_frame, arrays, origins, season_length):
        for order, name in enumerate(metrics):
            values = {
                "order": np.full(len(keys), order),
                "metric": [name] * len(keys),
                "value": METRICS[name](cases),
                "reason": METRICS[name].reasons(cases),
            }
            parts.append(pl.concat([keys, pl.DataFrame(values, schema=values_schema)], how="horizontal"))
    scores = pl.concat(parts).sort(*keys_schema, "order").drop("order").with_columns(pl.col("value").fill_nan(None))
    return check(ScoresTable, scores, [*keys_schema, "metric"])


def step_scores(
    backtest_frame: pl.DataFrame, arrays: SeriesArrays, origins: Origins, season_length: int, metrics: Sequence[str]
) -> pl.DataFrame:
    """Rows of the StepScoresTable, sorted by (run_id, model, step): each formula over one step of all origins.

    An origin whose own score is undefined is left out; value is null where no origin is left. Raises as `score` does.
    """
    schema = {"run_id": pl.String, "model": pl.String, STEP: pl.Int64, "metric": pl.String, "value": pl.Float64}
    parts = [pl.DataFrame(schema={**schema, "order": pl.Int64})]
    for keys, cases in _by_model(backtest_frame, arrays, origins, season_length):
        run_id, model = keys.row(0)[:2]
        for order, name in enumerate(metrics):
            value = METRICS[name](cases.take(np.isfinite(METRICS[name](cases))).transposed())
            steps = pl.DataFrame({STEP: np.arange(1, len(value) + 1), "value": value}).with_columns(
                run_id=pl.lit(run_id), model=pl.lit(model), metric=pl.lit(name), order=pl.lit(order, dtype=pl.Int64)
            )
            parts.append(steps.select(*schema, "order"))
    scores = pl.concat(parts).sort("run_id", "model", STEP, "order").drop("order")
    return check(
        StepScoresTable, scores.with_columns(pl.col("value").fill_nan(None)), ["run_id", "model", STEP, "metric"]
    )


def _by_model(
    frame: pl.DataFrame, arrays: SeriesArrays, origins: Origins, season_length: int
) -> Iterator[tuple[pl.DataFrame, Cases]]:
    """Per (run_id, model): keys run_id, model, unique_id, cutoff of n origins, and their cases."""
    ids = pl.Series(UNIQUE_ID, arrays.ids, dtype=pl.String).gather(origins.series)
    known = pl.DataFrame({UNIQUE_ID: ids, CUTOFF: arrays.ds.gather(origins.row), "origin": np.arange(len(origins))})
    placed = frame.join(known, on=[UNIQUE_ID, CUTOFF], how="left", validate="m:1").sort(
        "run_id", "model", "origin", STEP
    )
    if placed["origin"].has_nulls():
        raise ValueError(f"every forecast must have an origin, got none for {placed.row(0, named=True)}")
    levels = quantile_levels_of(frame)
    absolute, squared = in_sample_scale(arrays, origins, season_length)
    for (_, model), part in placed.group_by("run_id", "model", maintain_order=True):
        horizon = int(part[STEP].to_numpy().max())
        n = len(part) // horizon
        if not np.array_equal(part[STEP].to_numpy(), np.tile(np.arange(1, horizon + 1), n)):
            raise ValueError(f"every forecast must have steps 1 to {horizon}, got others from {model}")
        index = part["origin"].to_numpy()[::horizon]
        yield (
            part[::horizon].select("run_id", "model", UNIQUE_ID, CUTOFF),
            Cases(
                arrays.targets(origins.take(index), horizon),
                part[Y_HAT].to_numpy().reshape(n, horizon),
                part.select(quantile_columns(levels)).to_numpy().reshape(n, horizon, len(levels)),
                np.asarray(levels),
                absolute[index, None],
                squared[index, None],
            ),
        )
