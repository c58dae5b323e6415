"""The leaderboard: every model on the same pairs of series and cutoff, best first.

Comes in: rows of the ScoresTable of all models of a run. Goes out: one row per model.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from forecasting.evaluation.comparisons import comparisons, holm
from forecasting.evaluation.metrics import METRICS, primary
from forecasting.evaluation.pairs import Pairs, common_pairs, groups_of
from forecasting.evaluation.ranks import Ranking, ranking
from forecasting.schema import CUTOFF, UNIQUE_ID

NAIVE = "seasonal_naive"


@dataclass(frozen=True)
class Standing:
    """How the models stand to each other in the primary metric: what a leaderboard shows beside the means."""

    compared: pl.DataFrame  # see `comparisons`
    ranks: Ranking
    confidence: float


def standing(
    scores: pl.DataFrame | pl.LazyFrame, primary_metric: str, seed: int, confidence: float = 0.95, overlap: int = 1
) -> Standing:
    """Every model against every other on the pairs that all have; horizons of `overlap` neighbouring cutoffs overlap."""
    mine = _of(scores, primary_metric)
    pairs = common_pairs(mine, sorted(mine["model"].unique().to_list()))
    groups = groups_of(pairs, overlap)
    count = np.maximum(groups.sums(np.ones(len(pairs))).ravel(), 1)
    means = {model: groups.sums(values).ravel() / count for model, values in pairs.values.items()}
    return Standing(comparisons(pairs, groups, seed, confidence, overlap), ranking(means, confidence), confidence)


def leaderboard(
    scores: pl.DataFrame | pl.LazyFrame,
    kinds: Mapping[str, str],
    costs: pl.DataFrame,
    primary_metric: str,
    reference: str = NAIVE,
    n_fallback: Mapping[str, int] | None = None,
    standing: Standing | None = None,
) -> pl.DataFrame:
    """Columns rank, model, kind, one per metric, skill_<reference>, skill_best_baseline, low, high, win_rate,
    mean_rank, tied, n_scores, n_fallback, n_parameters, fit_seconds, predict_seconds; sorted by the primary metric,
    ties by name.

    A metric's column is its mean over the pairs of series and cutoff where all models have a value, null where there
    are none; `n_scores` counts them for the primary metric. Skill is 1 - score / reference score: above 0 is better,
    null where the reference is missing or 0. With a `standing`, `low` and `high` bound the skill against the best
    baseline (each one-sided), `win_rate` is the share of pairs that the model wins against it, and `tied` says that
    the model cannot be told apart from the first one (Holm's correction over all others). `kinds` gives "recurrent",
    "blend" or "baseline" for each model, `costs` has columns model, n_parameters, fit_seconds, predict_seconds,
    `n_fallback` how many forecasts of a model the fallback made. Raises ValueError for a model without a kind.
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
    first = best_of(pairs[primary_metric], models)
    table = pl.DataFrame(
        {
            "model": pl.Series(models, dtype=pl.String),
            "kind": pl.Series([kinds[model] for model in models], dtype=pl.String),
            **{name: pl.Series([p.mean(m) for m in models], dtype=pl.Float64) for name, p in pairs.items()},
            f"skill_{reference}": _skills(means, reference),
            "skill_best_baseline": _skills(means, best),
            **_stands(standing, models, best, first),
            "n_scores": pl.Series([len(pairs[primary_metric])] * len(models), dtype=pl.Int64),
            "n_fallback": pl.Series([(n_fallback or {}).get(model) for model in models], dtype=pl.Int64),
        }
    )
    costs = costs.select("model", "n_parameters", "fit_seconds", "predict_seconds")
    table = table.join(costs, on="model", how="left", validate="1:1")
    return table.sort(primary_metric, "model", nulls_last=True).with_row_index("rank", 1).cast({"rank": pl.Int64})


def _stands(
    standing: Standing | None, models: Sequence[str], best: str | None, first: str | None
) -> dict[str, pl.Series]:
    """Columns low, high, win_rate, mean_rank and tied, of nulls where nothing was compared."""
    columns: dict[str, list[Any]] = {name: [None] * len(models) for name in ("low", "high", "win_rate", "mean_rank")}
    tied: list[bool | None] = [None] * len(models)
    if standing is not None and best is not None and first is not None:
        behind = standing.compared.filter(pl.col("model") == first)
        alike = dict(zip(behind["against"], holm(behind["p_value"].to_list()), strict=True))
        for i, model in enumerate(models):
            columns["mean_rank"][i] = standing.ranks.mean[model]
            tied[i] = model == first or alike[model] > 1 - standing.confidence
            if model != best:
                columns["low"][i], columns["high"][i], columns["win_rate"][i] = _against(standing, model, best)
    made = {name: pl.Series(values, dtype=pl.Float64) for name, values in columns.items()}
    return made | {"tied": pl.Series(tied, dtype=pl.Boolean)}


def _against(standing: Standing, model: str, best: str) -> tuple[float | None, float | None, float | None]:
    """Bounds of the skill of a model against another, and its win rate; a pair stands in the table once, either way."""
    for row in standing.compared.filter(
        pl.col("model").is_in([model, best]) & pl.col("against").is_in([model, best])
    ).to_dicts():
        low, high, wins = row["low"], row["high"], row["win_rate"]
        if row["model"] == model:
            return low, high, wins
        turned = [None if bound is None or bound >= 1 else 1 - 1 / (1 - bound) for bound in (high, low)]
        return turned[0], turned[1], 1 - wins
    return None, None, None


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
