"""The last finished run: its verdict, the leaderboard, one metric as bars and along the horizon."""

from pathlib import Path
from typing import Any

import polars as pl
import streamlit as st

from dashboards import page
from dashboards.reading import Pipeline
from forecasting.figures.labels import interval, number, percent
from forecasting.figures.leaderboard import leaderboard_bars
from forecasting.figures.steps import step_profile
from forecasting.figures.table import leaderboard_table
from forecasting.schema import Latest

TITLE = "Leaderboard"
ORDER = 1


def render(pipeline: Pipeline) -> None:
    """Draw the view."""
    latest = pipeline.latest()
    if latest is None:
        page.missing(f"There is no finished run in {pipeline.folder} yet.", "run", pipeline.name)
        return
    board = pl.DataFrame(latest.leaderboard, infer_schema_length=None)
    page.block("verdict" if latest.decision == "promoted" else "verdict other", latest.verdict)
    nominal = interval(tuple(latest.quantile_levels))
    page.cards(_cards(latest, board, nominal))
    finished = str(latest.finished_at)[:16].replace("T", " ")
    page.block("note", f"Run {latest.run_id}, data version {latest.dataset_version}, finished {finished} UTC.")
    aim = "" if nominal is None else f" Coverage aims at {number(nominal, 2)}."
    page.section(
        "Leaderboard", f"Every network and baseline on the same cutoffs; the best value of a column is bold.{aim}"
    )
    st.html(leaderboard_table(board, latest.metrics, latest.champion, nominal))
    _charts(pipeline, latest, board)
    _report(latest)


def best_baseline(board: pl.DataFrame) -> str | None:
    """The highest ranked baseline of a leaderboard, or None."""
    names = board.filter(pl.col("kind") == "baseline")["model"]
    return names[0] if len(names) else None


def first_models(board: pl.DataFrame, champion: str) -> list[str]:
    """The two models that are shown at first: the champion and the best baseline, or the best of the others."""
    names = board["model"].to_list()
    wanted = [m for m in (champion, best_baseline(board), *names) if m in names]
    return list(dict.fromkeys(wanted))[:2]


def _cards(latest: Latest, board: pl.DataFrame, nominal: float | None) -> list[tuple[str, str, str]]:
    """Champion, its primary metric, its coverage; its skills, or those of the best network where a baseline won."""
    champion, metric, beside = latest.champion, latest.primary_metric, best_baseline(board)
    won = latest.champion_kind != "baseline"
    row: dict[str, Any] = next(board.filter(pl.col("model") == champion).iter_rows(named=True), {})
    items = [("champion", champion, "network" if won else "baseline")]
    label = latest.metrics[metric]
    items.append((label.name, number(row.get(metric)), label.hint))
    if champion != "seasonal_naive" and row.get("skill_seasonal_naive") is not None:
        items.append(("skill", percent(row["skill_seasonal_naive"]), "against the seasonal naive"))
    network = board.filter(pl.col("kind") != "baseline").head(1)
    for name, skill in network.select("model", "skill_best_baseline").rows():
        who = "skill" if won else f"skill of {name}"
        items.append(
            (who, percent(row.get("skill_best_baseline") if won else skill), f"against {beside}, the best baseline")
        )
    if row.get("coverage") is not None and nominal is not None:
        items.append(("coverage", number(row["coverage"]), f"aims at {number(nominal, 2)}"))
    return items


def _charts(pipeline: Pipeline, latest: Latest, board: pl.DataFrame) -> None:
    metrics = [m for m in latest.metrics if board[m].count()]
    if not metrics:
        return
    first = latest.primary_metric if latest.primary_metric in metrics else metrics[0]
    page.section("One metric")
    metric = st.segmented_control(
        "Metric",
        metrics,
        format_func=lambda name: latest.metrics[name].name,
        default=first,
        required=True,
        key="metric",
        label_visibility="collapsed",
    )
    page.chart(leaderboard_bars(board, metric, latest.metrics[metric], latest.champion), "bars")
    steps = pipeline.rows("step_scores", run_id=latest.run_id)
    if steps is None or steps.filter(pl.col("metric") == metric).is_empty():
        page.missing(f"There are no scores by step of {latest.metrics[metric].name}.", "backtest", pipeline.name)
        return
    page.chart(step_profile(steps, metric, latest.metrics[metric], first_models(board, latest.champion)), "steps")


def _report(latest: Latest) -> None:
    report = Path(latest.report)
    if report.is_file():
        st.download_button(
            "Download the report (HTML)", report.read_bytes, f"{report.stem}.html", "text/html", on_click="ignore"
        )
