"""From finished backtests to what they are worth: scores, slices, how the models stand to each other, the leaderboard."""

from collections.abc import Mapping

import polars as pl

from forecasting.evaluation.leaderboard import leaderboard, standing
from forecasting.series.table.store import digest_of
from forecasting.stages import shared_tables as tables
from forecasting.stages.comparison import Comparison, Forecasts, Tested
from forecasting.stages.plan import Plan


def score(
    plan: Plan, tested: Mapping[str, Tested], forecasts: Forecasts, groups: pl.DataFrame, overlap: int
) -> Comparison:
    """All models side by side; `groups` are those of every evaluation origin, neighbouring `overlap` cutoffs share targets."""
    scores = forecasts.scan("scores")
    kinds = {name: of.model.kind for name, of in tested.items()}
    stand = standing(scores, plan.metric, plan.config.seed, plan.config.promotion.confidence, overlap)
    fallbacks = {name: of.n_fallback for name, of in tested.items()}
    board = leaderboard(scores, kinds, _costs(tested), plan.metric, n_fallback=fallbacks, standing=stand)
    return Comparison(
        board=board,
        scores=scores,
        step_scores=forecasts.step_scores(),
        slices=forecasts.slices(groups),
        standing=stand,
    )


def leaderboard_digest(board: pl.DataFrame) -> str:
    """Content digest of the leaderboard; seconds vary from run to run and are left out."""
    return digest_of(board, exclude=["fit_seconds", "predict_seconds"])


def publish(plan: Plan, run_id: str, forecasts: Forecasts, comparison: Comparison) -> None:
    """The run's rows of the tables, each in one commit."""
    column = pl.lit(run_id).alias("run_id")
    rows = (pl.read_parquet(file).with_columns(column) for file in forecasts.files("backtest"))
    tables.replace_run(plan.paths.table("backtest"), rows, run_id)
    by_metric = (
        comparison.scores.filter(pl.col("metric") == name).collect()
        for name in comparison.step_scores["metric"].unique(maintain_order=True)
    )
    tables.replace_run(plan.paths.table("scores"), by_metric, run_id)
    tables.replace_run(plan.paths.table("step_scores"), [comparison.step_scores], run_id)
    tables.replace_run(plan.paths.table("slices"), [comparison.slices], run_id)


def _costs(tested: Mapping[str, Tested]) -> pl.DataFrame:
    """model, n_parameters, fit_seconds, predict_seconds."""
    models = [of.model for of in tested.values()]
    return pl.DataFrame(
        {
            "model": list(tested),
            "n_parameters": [model.n_parameters for model in models],
            "fit_seconds": [model.fit_seconds for model in models],
            "predict_seconds": [of.predict_seconds for of in tested.values()],
        },
        schema_overrides={"n_parameters": pl.Int64},
    )
