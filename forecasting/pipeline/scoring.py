"""From finished backtests to what they are worth: scores, slices, how the models stand to each other, the leaderboard.

Comes in: a run whose models are tested. Goes out: its `Comparison`, tables in the workspace, rows of the record.
"""

from typing import TYPE_CHECKING, Any

import polars as pl

from forecasting.evaluation.leaderboard import leaderboard, standing
from forecasting.pipeline import tables
from forecasting.pipeline.backtesting import groups_of
from forecasting.pipeline.reporter import listening
from forecasting.pipeline.tested import Comparison
from forecasting.series.store import digest_of

if TYPE_CHECKING:
    from forecasting.pipeline.run import Run


def score_models(run: "Run") -> dict[str, Any]:
    """Put all models of a run side by side, publish the tables, and tell what came out."""
    _tell_leaks(run)
    results, metric = run.results, run.config.evaluation.primary_metric
    scores = results.scan("scores")
    kinds = {name: tested.model.kind for name, tested in run.tested.items()}
    stand = standing(scores, metric, run.config.seed, run.config.promotion.confidence, run.overlap)
    fallbacks = {name: int(tested.total("n_fallback")) for name, tested in run.tested.items()}
    board = leaderboard(scores, kinds, _costs(run), metric, n_fallback=fallbacks, standing=stand)
    run.comparison = Comparison(board, scores, results.step_scores(), results.slices(groups_of(run)), stand)
    _publish(run)
    if run.recording is not None:
        run.recording.scoring(run.tested, board, kinds)
    return {
        "models": len(run.tested),
        "cutoffs": int(run.origins.window.max()) + 1,
        "rows": int(sum(tested.total("n_rows") for tested in run.tested.values())),
        "best": board["model"][0],
        "digest": results.digest(),
        "leaderboard_digest": leaderboard_digest(board),
        "leaderboard": board.to_dicts(),
    }


def leaderboard_digest(board: pl.DataFrame) -> str:
    """Content digest of the leaderboard; seconds vary from run to run and are left out."""
    return digest_of(board, exclude=["fit_seconds", "predict_seconds"])


def _costs(run: "Run") -> pl.DataFrame:
    """model, n_parameters, fit_seconds, predict_seconds."""
    models = [tested.model for tested in run.tested.values()]
    return pl.DataFrame(
        {
            "model": list(run.tested),
            "n_parameters": [model.n_parameters for model in models],
            "fit_seconds": [model.fit_seconds for model in models],
            "predict_seconds": [tested.total("predict_seconds") for tested in run.tested.values()],
        },
        schema_overrides={"n_parameters": pl.Int64},
    )


def _tell_leaks(run: "Run") -> None:
    for name, tested in run.tested.items():
        if tested.check.summary["moved"]:
            listening().warn(
                f"{name} looks ahead: {tested.check.summary['moved']} of {tested.check.summary['checked']} forecasts "
                "moved when the values after the cutoff were changed; it cannot be promoted"
            )


def _publish(run: "Run") -> None:
    """The run's rows of the tables, each in one commit."""
    run_id = pl.lit(run.run_id).alias("run_id")
    rows = (pl.read_parquet(file).with_columns(run_id) for file in run.results.files("backtest"))
    tables.replace_run(run.paths.table("backtest"), rows, run.run_id)
    by_metric = (
        run.comparison.scores.filter(pl.col("metric") == name).collect()
        for name in run.comparison.step_scores["metric"].unique(maintain_order=True)
    )
    tables.replace_run(run.paths.table("scores"), by_metric, run.run_id)
    tables.replace_run(run.paths.table("step_scores"), [run.comparison.step_scores], run.run_id)
    tables.replace_run(run.paths.table("slices"), [run.comparison.slices], run.run_id)
