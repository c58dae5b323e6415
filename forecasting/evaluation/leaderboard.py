"""The leaderboard: every model on the same pairs of series and cutoff, best first.

Comes in: rows of the ScoresTable of all models of a run. Goes out: one row per model.
"""

from collections.abc import Mapping, Sequence

import polars as pl

from forecasting.evaluation.metrics import METRICS, primary
from forecasting.evaluation.pairs import Pairs, common_pairs
from forecasting.schema import CUTOFF, UNIQUE_ID

NAIVE = "seasonal_naive"


def leaderboard(
    scores: pl.DataFrame | pl.LazyFrame,
    kinds: Mapping[str, str],
    seconds: pl.DataFrame,
    primary_metric: str,
    reference: str = NAIVE,
    n_fallback: Mapping[str, int] | None = None,
) -> pl.DataFrame:
    """Columns rank, model, kind, one per metric, skill_<reference>, skill_best_baseline, n_scores, n_fallback,
    fit_seconds, predict_seconds; sorted by the primary metric, ties by name.

    A metric's column is its mean over the pairs of series and cutoff where all models have a value, null where there
    are none; `n_scores` counts them for the primary metric. Skill is 1 - score / reference score: above 0 is better,
    null where the reference is missing or 0. `kinds` gives "recurrent" or "baseline" for each model, `seconds` has
    columns model, fit_seconds, predict_seconds, `n_fallback` how many forecasts of a model the fallback made. Raises
    ValueError for a model without a kind.
    """
    primary(primary_metric)
    names = scores.lazy().select("model", "metric").unique().collect()
    models = sorted(names["model"].unique().to_list())
    if missing := sorted(set(models) - set(kinds)):
        raise ValueError(f"every model must have a kind, got none for {missing}")
    present = set(names["metric"].unique().to_list()) | {primary_metric}
    pairs = {name: common_pairs(_of(scores, name), models) for name in METRICS if name in present}
    means = {model: pairs[primary_metric].mean(model) for model in models}
    best = best_of(pairs[primary_metric], [model for model in models if kinds[model] == "baseline"])
    table = pl.DataFrame(
        {
            "model": pl.Series(models, dtype=pl.String),
            "kind": pl.Series([kinds[model] for model in models], dtype=pl.String),
            **{name: pl.Series([p.mean(m) for m in models], dtype=pl.Float64) for name, p in pairs.items()},
            f"skill_{reference}": _skills(means, reference),
            "skill_best_baseline": _skills(means, best),
            "n_scores": pl.Series([len(pairs[primary_metric])] * len(models), dtype=pl.Int64),
            "n_fallback": pl.Series([(n_fallback or {}).get(model) for model in models], dtype=pl.Int64),
        }
    )
    seconds = seconds.select("model", "fit_seconds", "predict_seconds")
    table = table.join(seconds, on="model", how="left", validate="1:1")
    return table.sort(primary_metric, "model", nulls_last=True).with_row_index("rank", 1).cast({"rank": pl.Int64})


def _of(scores: pl.DataFrame | pl.LazyFrame, metric: str) -> pl.DataFrame:
    """The values of one metric; the others are never in memory."""
    mine = scores.lazy().filter(pl.col("metric") == metric)
    return mine.select(UNIQUE_ID, CUTOFF, "model", "value").collect()


def best_of(pairs: Pairs, models: Sequence[str]) -> str | None:
    """The model with the lowest mean, ties by name; None without models or pairs."""
    return min(models, key=lambda model: (pairs.mean(model), model)) if models and len(pairs) else None


def _skills(means: Mapping[str, float | None], reference: str | None) -> pl.Series:
    base = means.get(reference) if reference else None
    return pl.Series(
        [1 - mean / base if base and mean is not None else None for mean in means.values()], dtype=pl.Float64
    )
