"""Scores by group: all of a model together, by cutoff, by how long the history is, by a static covariate, by target day.

Comes in: scores of origins, or forecasts where the group is a matter of the step. Goes out: rows of the SlicesTable:
mean, median, and the mean weighted by the size of the series.
"""

from collections.abc import Sequence

import numpy as np
import polars as pl

from forecasting.errors import InputError, unknown
from forecasting.evaluation.metrics import METRICS
from forecasting.evaluation.scoring import cases_of
from forecasting.schema import CUTOFF, UNIQUE_ID, SlicesTable, check
from forecasting.series.arrays.calendar import holidays_of, local_clock
from forecasting.series.arrays.series_arrays import FloatArray, IntArray, Origins, SeriesArrays

ALL, BY_CUTOFF, HISTORY, WEEKDAY, HOLIDAY = "all", "cutoff", "history_length", "weekday", "holiday"
_OF_STEPS = (WEEKDAY, HOLIDAY)
_PREFIX = "by "  # of the columns that hold groups: a covariate may have the name of a key
_DAYS = ("1 Mon", "2 Tue", "3 Wed", "4 Thu", "5 Fri", "6 Sat", "7 Sun")
_DAY = 24 * 3600 * 10**6  # microseconds
_MOST_GROUPS = 50  # of a static covariate that is sliced without being asked for


def slices_for(arrays: SeriesArrays, asked: Sequence[str] | None, country: str | None) -> tuple[str, ...]:
    """The slices to make: those asked for, or (null) all that apply. Raises InputError for one that does not."""
    static = arrays.names["static_categories"]
    known = [HISTORY, *static]
    if not arrays.ds.dtype.is_integer():
        known += [WEEKDAY, *([HOLIDAY] if country else [])]
    if asked is None:
        few = [name for i, name in enumerate(static) if len(set(arrays.static_categories[:, i])) <= _MOST_GROUPS]
        daily = len(arrays.ds) > 1 and _is_daily(arrays)
        return (HISTORY, *few, *(name for name in known if name in _OF_STEPS and daily))
    for name in asked:
        if name == HOLIDAY and not country:
            raise InputError("the slice holiday needs a country, got none: set data.country (for example DE or US-CA)")
        if name not in known:
            raise unknown("a slice", name, known, "evaluation.slices")
    return tuple(dict.fromkeys(asked))


def origin_groups(arrays: SeriesArrays, origins: Origins, slices: Sequence[str], weights: str | None) -> pl.DataFrame:
    """unique_id, cutoff, weight and one text column per slice (`by all`, `by cutoff`, `by history_length`, static ones).

    `weight` is the static numeric covariate `weights`, or the mean |y| of the series up to the cutoff. Raises
    InputError for an unknown covariate.
    """
    columns: dict[str, pl.Series] = {
        UNIQUE_ID: pl.Series(arrays.ids, dtype=pl.String).gather(origins.series),
        CUTOFF: arrays.ds.gather(origins.row),
        "weight": pl.Series(_weights(arrays, origins, weights)),
        _PREFIX + ALL: pl.Series(["all"] * len(origins), dtype=pl.String),
    }
    columns[_PREFIX + BY_CUTOFF] = columns[CUTOFF].cast(pl.String)
    for name in slices:
        if name == HISTORY:
            columns[_PREFIX + name] = _history_groups(arrays.n_observed(origins))
        elif name not in _OF_STEPS:
            place = arrays.names["static_categories"].index(name)
            values = arrays.static_categories[origins.series, place]
            columns[_PREFIX + name] = pl.Series([str(v) if v else "unknown" for v in values], dtype=pl.String)
    return pl.DataFrame(columns)


def origin_slices(scores: pl.LazyFrame, groups: pl.DataFrame) -> pl.DataFrame:
    """Rows of the SlicesTable for every slice of `groups` (see `origin_groups`), sorted by key."""
    names = [c for c in groups.columns if c.startswith(_PREFIX)]
    table = groups.with_columns(pl.col(names).cast(pl.Categorical)).lazy()
    joined = scores.join(table, on=[UNIQUE_ID, CUTOFF], how="inner", validate="m:1")
    parts = [
        joined.rename({name: "group"})
        .group_by("run_id", "model", "metric", "group")
        .agg(_aggregates())
        .with_columns(pl.col("group").cast(pl.String), slice=pl.lit(name.removeprefix(_PREFIX)))
        for name in names
    ]
    return _table(pl.concat([part.collect() for part in parts], how="diagonal"))


def step_slices(
    frame: pl.DataFrame,
    arrays: SeriesArrays,
    origins: Origins,
    season_length: int,
    metric: str,
    slices: Sequence[str],
    country: str | None,
    timezone: str | None,
) -> pl.DataFrame:
    """Rows of the SlicesTable of one metric by weekday and holiday of the target day, as far as `slices` names them.

    Each origin is scored on those of its steps that fall on such a day; origins without one do not count.
    """
    made = [pl.DataFrame(schema=_SCHEMA)]
    for keys, cases in cases_of(frame, arrays, origins, season_length):
        mine = _located(keys, arrays, origins)
        horizon = cases.y.shape[1]
        weight = _weights(arrays, mine, None)
        for name in (name for name in slices if name in _OF_STEPS):
            group, labels = _day_groups(name, arrays.future_ds(mine, horizon), country, timezone)
            group = group.reshape(len(mine), horizon)
            for g in np.unique(group):
                value = METRICS[metric](cases.only(group == g))
                rows = keys.select("run_id", "model").with_columns(
                    metric=pl.lit(metric),
                    slice=pl.lit(name),
                    group=pl.lit(labels[g]),
                    value=pl.Series(value).fill_nan(None),
                    weight=pl.Series(weight),
                )
                made.append(rows.group_by("run_id", "model", "metric", "slice", "group").agg(_aggregates()))
    return _table(pl.concat(made, how="diagonal"))


_SCHEMA = {
    "run_id": pl.String,
    "model": pl.String,
    "metric": pl.String,
    "slice": pl.String,
    "group": pl.String,
    "mean": pl.Float64,
    "median": pl.Float64,
    "weighted": pl.Float64,
    "n": pl.Int64,
}


def _aggregates() -> list[pl.Expr]:
    defined = pl.col("value").is_not_null()
    weight = pl.when(defined).then(pl.col("weight"))
    return [
        pl.col("value").mean().alias("mean"),
        pl.col("value").median().alias("median"),
        ((pl.col("value") * weight).sum() / weight.sum()).fill_nan(None).alias("weighted"),
        defined.sum().cast(pl.Int64).alias("n"),
    ]


def _table(rows: pl.DataFrame) -> pl.DataFrame:
    key = ["run_id", "model", "metric", "slice", "group"]
    return check(SlicesTable, rows.select(list(_SCHEMA)).sort(key), key)


def _weights(arrays: SeriesArrays, origins: Origins, covariate: str | None) -> FloatArray:
    if covariate is not None:
        known = arrays.names["static_numeric"]
        if covariate not in known:
            raise unknown("evaluation.weights", covariate, known, "evaluation.weights to a static numeric covariate")
        return np.asarray(arrays.static_numeric[origins.series, known.index(covariate)])
    size = np.where(np.isfinite(arrays.y), np.abs(arrays.y), 0.0)
    row, which = np.unique(origins.row, return_inverse=True)
    first = arrays.offsets[np.searchsorted(arrays.offsets, row, side="right") - 1]
    totals = np.array([size[a : b + 1].sum() for a, b in zip(first, row, strict=True)])
    return np.asarray((totals / arrays.observed_before[row])[which])


def _history_groups(counts: IntArray) -> pl.Series:
    """Thirds of the origins by the number of observations; fewer groups where many have the same."""
    bounds = np.unique(np.quantile(counts, [1 / 3, 2 / 3], method="lower")) if len(counts) else np.zeros(0)
    place = np.searchsorted(bounds, counts)
    used = np.unique(place)
    labels = {
        int(g): f"{i + 1}: {counts[place == g].min():,} to {counts[place == g].max():,}" for i, g in enumerate(used)
    }
    return pl.Series([labels[int(g)] for g in place], dtype=pl.String)


def _day_groups(name: str, ds: pl.Series, country: str | None, timezone: str | None) -> tuple[IntArray, Sequence[str]]:
    """The group of each target day, and the names of the groups."""
    local = local_clock(ds, timezone)
    if name == WEEKDAY:
        return local.dt.weekday().to_numpy().astype(np.int64) - 1, _DAYS
    return holidays_of(local, country).astype(np.int64), ("other day", "holiday")


def _located(keys: pl.DataFrame, arrays: SeriesArrays, origins: Origins) -> Origins:
    """The origins of the keys, in their order."""
    known = pl.DataFrame(
        {
            UNIQUE_ID: pl.Series(arrays.ids, dtype=pl.String).gather(origins.series),
            CUTOFF: arrays.ds.gather(origins.row),
            "origin": np.arange(len(origins)),
        }
    )
    place = keys.join(known, on=[UNIQUE_ID, CUTOFF], how="left", maintain_order="left")["origin"].to_numpy()
    return origins.take(place)


def _is_daily(arrays: SeriesArrays) -> bool:
    """Whether periods are days or parts of days."""
    ds = arrays.ds[: int(arrays.offsets[1])]
    return len(ds) > 1 and int(ds.cast(pl.Datetime("us")).cast(pl.Int64).diff().drop_nulls().min()) <= _DAY  # type: ignore[arg-type]
