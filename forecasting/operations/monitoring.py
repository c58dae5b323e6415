"""What became of published forecasts: joined with the actual values that have arrived since, and scored.

Comes in: the forecasts table and the newest arrays. Goes out: realised scores per series and cutoff beside those of the
seasonal naive from the same cutoff, and whether the served model has stayed behind it for too long.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl

from forecasting.errors import InputError
from forecasting.evaluation.backtest import backtest
from forecasting.evaluation.scoring import score
from forecasting.forecasters.baselines.forecaster import LocalForecaster
from forecasting.forecasters.baselines.settings import BaselineSettings
from forecasting.forecasters.protocol import Task, no_progress
from forecasting.schema import CUTOFF, DS, UNIQUE_ID, quantile_columns
from forecasting.series.arrays.series_arrays import Origins, SeriesArrays

REFERENCE = "seasonal_naive"
METRICS_REALISED = ["mae", "smape", "mase", "coverage"]


@dataclass(frozen=True)
class MonitoringSettings:
    """When published forecasts raise an alert."""

    __pydantic_config__ = {"extra": "forbid"}  # noqa: RUF012 - read by pydantic where the config file is parsed

    after: int = 2
    """How many of the newest scored cutoffs an alert is judged by, at least 1. Example: 4"""
    alert_skill: float = 0.0
    """Skill against the seasonal naive below which an alert is raised (exit 6). Example: 0.1"""

    def __post_init__(self) -> None:
        if self.after < 1:
            raise InputError(f"monitoring.after must be at least 1 cutoff, got {self.after}: set monitoring.after")


@dataclass(frozen=True)
class Realised:
    """`scores`: ScoresTable rows of the published model and the reference; `skills`: cutoff, skill; `alert`: null or why."""

    scores: pl.DataFrame
    skills: pl.DataFrame
    n_scored: int
    n_waiting: int
    alert: str | None


def realised(published: pl.DataFrame, arrays: SeriesArrays, task: Task, settings: MonitoringSettings) -> Realised:
    """Score every published (series, cutoff) of which at least one actual value has arrived."""
    origins = _origins(published, arrays, task.horizon)
    arrived = np.isfinite(arrays.targets(origins, task.horizon)).any(axis=1)
    scored = origins.take(np.flatnonzero(arrived))
    pairs = published.select(UNIQUE_ID, CUTOFF).n_unique()
    empty = pl.DataFrame(schema={CUTOFF: published.schema[CUTOFF], "n_series": pl.UInt32, "skill": pl.Float64})
    if not len(scored):
        return Realised(pl.DataFrame(), empty, 0, pairs, None)
    keys = pl.DataFrame(
        {
            UNIQUE_ID: pl.Series(arrays.ids, dtype=pl.String).gather(scored.series),
            CUTOFF: arrays.ds.gather(scored.row),
        }
    )
    wanted = [UNIQUE_ID, CUTOFF, DS, "step", "y_hat", *quantile_columns(task.quantile_levels), "fallback"]
    served = published.join(keys, on=[UNIQUE_ID, CUTOFF], how="semi").select(wanted)
    served = served.with_columns(run_id=pl.lit("monitor"), model=pl.lit("served")).sort(UNIQUE_ID, CUTOFF, DS)
    naive = LocalForecaster(BaselineSettings(REFERENCE), task, 1)
    reference, _ = backtest(naive, "naive", arrays=arrays, origins=scored, run_id="monitor", on_progress=no_progress)
    rows = pl.concat([served, reference.select(served.columns)])
    scores = score(rows, arrays, scored, task.season_length, METRICS_REALISED)
    skills = _skills(scores)
    return Realised(scores, skills, len(scored), pairs - len(scored), _alert(skills, settings))


def _origins(published: pl.DataFrame, arrays: SeriesArrays, horizon: int) -> Origins:
    """Rows of the arrays for every published (series, cutoff) that they still hold."""
    ids = pl.Series(UNIQUE_ID, arrays.ids, dtype=pl.String)
    lengths = np.diff(arrays.offsets)
    rows = pl.DataFrame(
        {
            UNIQUE_ID: ids.gather(np.repeat(np.arange(arrays.n_series), lengths)),
            CUTOFF: arrays.ds,
            "series": np.repeat(np.arange(arrays.n_series), lengths),
            "row": np.arange(len(arrays.ds)),
        }
    )
    found = published.select(UNIQUE_ID, CUTOFF).unique().join(rows, on=[UNIQUE_ID, CUTOFF]).sort("series", "row")
    # The last rows of each series are the room for a horizon and hold no actual values.
    horizon_room = arrays.offsets[found["series"].to_numpy() + 1] - found["row"].to_numpy() - 1
    order = found.filter(pl.Series(horizon_room >= horizon))
    return Origins(order["series"].to_numpy(), order["row"].to_numpy(), np.zeros(order.height, dtype=np.int64))


def _skills(scores: pl.DataFrame) -> pl.DataFrame:
    """Skill of the served model against the reference per cutoff, oldest first: 1 - MAE / MAE of the seasonal naive."""
    mae = scores.filter((pl.col("metric") == "mae") & pl.col("value").is_not_null())
    wide = mae.pivot("model", index=[UNIQUE_ID, CUTOFF], values="value").drop_nulls()
    per = wide.group_by(CUTOFF).agg(pl.len().alias("n_series"), pl.col("served").sum(), pl.col(REFERENCE).sum())
    skill = pl.when(pl.col(REFERENCE) > 0).then(1 - pl.col("served") / pl.col(REFERENCE))
    return per.with_columns(skill=skill).select(CUTOFF, "n_series", "skill").sort(CUTOFF)


def _alert(skills: pl.DataFrame, settings: MonitoringSettings) -> str | None:
    newest = skills.drop_nulls("skill").tail(settings.after)
    if newest.height < settings.after or (newest["skill"] >= settings.alert_skill).any():
        return None
    return (
        f"the skill against {REFERENCE} must stay at or above {settings.alert_skill:g}, it was "
        f"{', '.join(f'{s:.3f}' for s in newest['skill'])} at the newest {settings.after} cutoffs: train again with `forecast run`"
    )
