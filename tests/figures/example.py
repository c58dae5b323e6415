"""A small finished pipeline as frames, and as the tables and `latest.json` that a run leaves; some ids are hostile."""

from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import polars as pl
from deltalake import write_deltalake

from forecasting.evaluation.leaderboard import leaderboard, standing
from forecasting.evaluation.metrics import labels_of
from forecasting.reporting.run_report import ReportData
from forecasting.results import write_json
from forecasting.schema import (
    BacktestTable,
    Latest,
    PublishedTable,
    ScoresTable,
    SeriesTable,
    StepScoresTable,
)

HOSTILE = '<img src=x onerror="window.hacked=1">'
SCRIPT = "</script><script>window.hacked=1</script>"
MODELS = {
    "gru_encoder_decoder": ("recurrent", 0.85),
    "lstm_many_to_one": ("recurrent", 1.1),
    "ets": ("baseline", 1.05),
    "theta": ("baseline", 1.2),
    "seasonal_naive": ("baseline", 1.5),
    "naive": ("baseline", 1.6),
}
VERDICT = "gru_encoder_decoder is promoted: it beats ets, the best baseline, by 15.1 % MASE (90 pairs from 30 series)."
SCHEMAS = {
    "series": SeriesTable,
    "backtest": BacktestTable,
    "scores": ScoresTable,
    "step_scores": StepScoresTable,
    "forecasts": PublishedTable,
}
HORIZON, YEARS, CUTOFFS = 5, (1960, 2011), (1996, 2001, 2006)
IDS = [
    HOSTILE,
    SCRIPT,
    "Côte d'Ivoire",
    "a very long name of a series, " * 4 + "and its end",
    *(f"Country {i:02d}" for i in range(26)),
]


def history(ids: list[str] | None = None) -> pl.DataFrame:
    """unique_id, ds (yearly), y: a falling rate with noise; every tenth value is missing."""
    rng = np.random.default_rng(7)
    rows = []
    for unique_id in ids or IDS:
        level = rng.uniform(3, 7)
        for year in range(YEARS[0], YEARS[1] + 1):
            level += rng.normal(-0.03, 0.06)
            rows.append((unique_id, date(year, 1, 1), None if (year + len(unique_id)) % 10 == 0 else abs(level)))
    return pl.DataFrame(rows, schema=["unique_id", "ds", "y"], orient="row")


def forecasts(
    frame: pl.DataFrame, cutoffs: tuple[int, ...] = CUTOFFS, models: tuple[str, ...] = tuple(MODELS)
) -> pl.DataFrame:
    """Backtest rows: the truth (or the last value with a drift) and noise, more of it for worse models."""
    rng = np.random.default_rng(11)
    rows = []
    for unique_id in frame["unique_id"].unique(maintain_order=True):
        part = frame.filter(pl.col("unique_id") == unique_id)
        for cutoff in cutoffs:
            known = part.filter(pl.col("y").is_not_null())
            truth = dict(known.select("ds", "y").rows())
            last = known.filter(pl.col("ds") <= date(cutoff, 1, 1))["y"][-1]
            for model in models:
                for step in range(1, HORIZON + 1):
                    noise = rng.normal(0, 0.05) * MODELS[model][1] * step**0.5
                    y_hat = truth.get(date(cutoff + step, 1, 1), last - 0.03 * step) + noise
                    wide = 0.07 * MODELS[model][1] * step**0.5
                    bands = (y_hat - wide, y_hat, y_hat + wide)
                    rows.append(
                        (
                            "run1",
                            model,
                            unique_id,
                            date(cutoff, 1, 1),
                            date(cutoff + step, 1, 1),
                            step,
                            y_hat,
                            *bands,
                            None,
                        )
                    )
    names = ["run_id", "model", "unique_id", "cutoff", "ds", "step", "y_hat", "q10", "q50", "q90", "fallback"]
    return pl.DataFrame(rows, schema=names, orient="row", schema_overrides={"fallback": pl.String})


def scores(backtest: pl.DataFrame, frame: pl.DataFrame) -> pl.DataFrame:
    """ScoresTable rows of mase (scaled by 0.05), smape and coverage."""
    rows = backtest.join(frame, on=["unique_id", "ds"], how="left").filter(pl.col("y").is_not_null())
    error = (pl.col("y") - pl.col("y_hat")).abs()
    wide = rows.group_by("run_id", "model", "unique_id", "cutoff", maintain_order=True).agg(
        mase=error.mean() / 0.05,
        smape=(200 * error / (pl.col("y") + pl.col("y_hat"))).mean(),
        coverage=pl.col("y").is_between("q10", "q90").mean(),
    )
    long = wide.unpivot(index=["run_id", "model", "unique_id", "cutoff"], variable_name="metric", value_name="value")
    return long.with_columns(reason=pl.lit(None, dtype=pl.String)).sort("model", "unique_id", "cutoff", "metric")


def step_scores(backtest: pl.DataFrame, frame: pl.DataFrame) -> pl.DataFrame:
    """StepScoresTable rows of mase."""
    rows = backtest.join(frame, on=["unique_id", "ds"], how="left")
    value = (pl.col("y") - pl.col("y_hat")).abs().mean() / 0.05
    grouped = rows.group_by("run_id", "model", "step", maintain_order=True).agg(value=value)
    return grouped.with_columns(metric=pl.lit("mase")).select("run_id", "model", "step", "metric", "value")


def board_of(long: pl.DataFrame) -> pl.DataFrame:
    """The leaderboard of those scores, as a run makes it."""
    costs = pl.DataFrame(
        [(name, 1234 if kind == "recurrent" else 0, 12.3456, 0.0456) for name, (kind, _) in MODELS.items()],
        schema=["model", "n_parameters", "fit_seconds", "predict_seconds"],
        orient="row",
    )
    kinds = {name: kind for name, (kind, _) in MODELS.items()}
    stand = standing(long, "mase", seed=7, confidence=0.95, overlap=1)
    return leaderboard(long, kinds, costs, "mase", n_fallback=dict.fromkeys(MODELS, 0), standing=stand)


def report_data() -> ReportData:
    """The report of that pipeline: its champion beside the best baseline."""
    frame = history()
    backtest = forecasts(frame)
    board = board_of(scores(backtest, frame))
    return ReportData(
        name="fertility",
        verdict_sentence=VERDICT,
        champion="gru_encoder_decoder",
        leaderboard=board,
        metrics=labels_of(board.columns),
        step_scores=step_scores(backtest, frame),
        history=frame,
        forecasts=backtest.filter(pl.col("model").is_in(["gru_encoder_decoder", "ets"])),
        facts={"run": "run1", "data version": "3", "data digest": "ab12" * 16, "seed": "7", "git commit": "5379128"},
        primary_metric="mase",
    )


def write_workspace(workspace: Path, name: str = "fertility", ids: list[str] | None = None) -> Path:
    """Write what a finished run leaves below `workspace/name`; gives that folder back."""
    folder = workspace / name
    frame = history(ids)
    backtest = forecasts(frame)
    long = scores(backtest, frame)
    board = board_of(long)
    published = forecasts(frame, cutoffs=(YEARS[1],), models=("gru_encoder_decoder",)).with_columns(
        model_name=pl.lit(name),
        model_version=pl.lit("3"),
        model_digest=pl.lit("ab" * 32),
        dataset_version=pl.lit(0, dtype=pl.Int64),
        generated_at=pl.lit(datetime(2026, 1, 5, 6, tzinfo=UTC)),
    )
    tables = {
        "series": frame,
        "backtest": backtest,
        "scores": long,
        "step_scores": step_scores(backtest, frame),
        "forecasts": published,
    }
    for table, schema in SCHEMAS.items():
        schema.validate(tables[table])
    for table, rows in tables.items():
        write_deltalake(str(folder / table), rows.to_arrow())
    latest = Latest(
        run_id="run1",
        mlflow_run_id=None,
        champion="gru_encoder_decoder",
        champion_kind="recurrent",
        best_baseline="ets",
        verdict=VERDICT,
        decision="promoted",
        primary_metric="mase",
        quantile_levels=[0.1, 0.5, 0.9],
        dataset_version=0,
        metrics=labels_of(board.columns),
        leaderboard=board.to_dicts(),
        report=str(folder / "report.html"),
        finished_at="2026-01-05T06:00:00+00:00",
    )
    write_json(folder / "latest.json", latest.model_dump())
    return folder
