"""The report of a run: one HTML file that opens without a network, written whole or not at all.

Frames and facts come in; what the verdict is and which forecasts are shown was decided before.
"""

import html
import os
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from forecasting.figures.labels import interval, number
from forecasting.figures.leaderboard import leaderboard_bars
from forecasting.figures.steps import step_profile
from forecasting.figures.table import Labels, leaderboard_table
from forecasting.reporting.report_fans import fans_section
from forecasting.reporting.report_page import figure_div, page
from forecasting.schema import quantile_levels_of


@dataclass(frozen=True)
class ReportData:
    """What a report shows.

    `leaderboard` has the leaderboard's columns, `step_scores` model, step, metric, value; `history` unique_id, ds, y;
    `forecasts` model, unique_id, cutoff, ds, step, y_hat and quantile columns (and fallback, if there is one) of the
    champion and of what it is shown beside; of several cutoffs the newest of each series counts. `series` names the
    series to show (null: a dozen, spread from the smallest to the largest relative error of the champion).
    `primary_metric` null: the leaderboard's first metric, by the order of `metrics`, which are their labels.
    """

    name: str
    verdict_sentence: str
    champion: str
    leaderboard: pl.DataFrame
    metrics: Labels
    step_scores: pl.DataFrame | None
    history: pl.DataFrame
    forecasts: pl.DataFrame
    facts: dict[str, str] = field(default_factory=dict)
    series: list[str] | None = None
    primary_metric: str | None = None


def write_report(path: Path, report: ReportData) -> Path:
    """Write the report at `path` in one replace (folders are made) and give `path` back."""
    text = render_report(report)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o644)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    return path


def render_report(report: ReportData) -> str:
    """The HTML of the report: verdict, facts, leaderboard, score by step, forecasts."""
    primary = report.primary_metric or next(iter(report.metrics), None)
    sections = [_head(report), _leaderboard(report, primary)]
    if primary and report.step_scores is not None and report.step_scores.filter(pl.col("metric") == primary).height:
        sections.append(_steps(report, report.step_scores, primary))
    sections.append(fans_section(report.champion, report.forecasts, report.history, report.series))
    sections.append(f"<footer>Written by <code>forecast</code> for the pipeline {html.escape(report.name)}.</footer>")
    return page(f"{report.name}: forecast report", sections)


def _head(report: ReportData) -> str:
    facts = "".join(f"<div><dt>{html.escape(k)}</dt><dd>{html.escape(v)}</dd></div>" for k, v in report.facts.items())
    listed = f'<dl class="facts">{facts}</dl>' if facts else ""
    return (
        f"<header><h1>{html.escape(report.name)}</h1>"
        f'<p class="verdict">{html.escape(report.verdict_sentence)}</p>{listed}</header>'
    )


def _leaderboard(report: ReportData, primary: str | None) -> str:
    nominal = interval(quantile_levels_of(report.forecasts))
    table = leaderboard_table(report.leaderboard, report.metrics, report.champion, nominal)
    bars = ""
    if primary:
        figure = leaderboard_bars(report.leaderboard, primary, report.metrics[primary], report.champion)
        bars = f'<div class="card">{figure_div("bars", figure)}</div>'
    aim = "" if nominal is None else f" Coverage aims at {number(nominal, 2)}."
    note = f"Every network and baseline on the same cutoffs; the best value of a column is bold.{aim}"
    return f'<section><h2>Leaderboard</h2><p class="note">{note}</p>{table}{bars}</section>'


def _steps(report: ReportData, step_scores: pl.DataFrame, primary: str) -> str:
    beside = [m for m in report.forecasts["model"].unique(maintain_order=True) if m != report.champion]
    label = report.metrics[primary]
    figure = step_profile(step_scores, primary, label, [report.champion, *beside])
    note = f"{html.escape(label.name)} at each step of the horizon, over all series and cutoffs."
    chart = f'<div class="card">{figure_div("steps", figure)}</div>'
    return f'<section><h2>Score by step</h2><p class="note">{note}</p>{chart}</section>'
