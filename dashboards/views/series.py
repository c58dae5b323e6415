"""One series: history, published forecast, backtest from a cutoff, scores; linked by `?view=series&series=ID`."""

from typing import Any

import polars as pl
import streamlit as st

from dashboards import page
from dashboards.reading import Pipeline
from dashboards.series_rows import at_cutoff, cutoff_names, reasons, recent, score_board, together, with_actuals
from dashboards.views.leaderboard import first_models
from forecasting.figures.fan import forecast_fan
from forecasting.figures.labels import interval
from forecasting.figures.table import leaderboard_table
from forecasting.schema import CUTOFF, DS, FALLBACK, UNIQUE_ID, Latest, Y

TITLE = "Series"
ORDER = 2
NONE = "none"


def render(pipeline: Pipeline) -> None:
    """Draw the view."""
    ids = pipeline.series_ids()
    if not ids:
        page.missing(f"There are no series in {pipeline.folder} yet.", "ingest", pipeline.name)
        return
    label = f"Series ({len(ids):,}; type to search)"
    start = page.linked("series", ids)
    unique_id = st.selectbox(label, ids, index=start, key="series", filter_mode="contains")
    page.link("series", unique_id)
    latest = pipeline.latest()
    history = pipeline.rows("series", unique_id)
    backtest = None if latest is None else pipeline.rows("backtest", unique_id, latest.run_id)
    published = pipeline.rows("forecasts", unique_id)
    cutoffs, publications = cutoff_names(backtest), cutoff_names(published)
    cutoff, publication, whole = _controls(cutoffs, publications)
    models = _models(latest) if latest is not None else []
    shown = [
        at_cutoff(backtest, cutoffs.get(cutoff), models, "backtest"),
        at_cutoff(published, publications.get(publication), None, "published"),
    ]
    if history is not None:
        _draw(unique_id, history.select(UNIQUE_ID, DS, Y).sort(DS), shown, whole)
    _notes(shown, published, publications.get(publication))
    if published is None:
        page.missing("No forecast has been published yet.", "predict", pipeline.name)
    if backtest is None:
        page.missing("There is no finished backtest yet.", "run", pipeline.name)
    elif latest is not None:
        _scores(pipeline, unique_id, latest, cutoffs.get(cutoff), cutoff)


def _controls(cutoffs: dict[str, Any], publications: dict[str, Any]) -> tuple[str, str, bool]:
    """The chosen backtest cutoff, the chosen publication (each may be NONE), and whether to show the whole history."""
    left, middle, right = st.columns([2, 2, 1.4])
    names, published = [*cutoffs, NONE], [*publications, NONE]
    cutoff = left.selectbox("Backtest from cutoff", names, key="cutoff")
    publication = middle.selectbox("Published forecast from", published, key="published")
    history = right.segmented_control("History", ["recent", "whole"], default="recent", required=True, key="history")
    return cutoff, publication, history == "whole"


def _models(latest: Latest) -> list[str]:
    """The models whose backtest is drawn: at first `first_models`."""
    board = pl.DataFrame(latest.leaderboard, infer_schema_length=None)
    first = first_models(board, latest.champion)
    return st.multiselect("Models of the backtest", board["model"].to_list(), default=first, key="models")


def _draw(unique_id: str, history: pl.DataFrame, shown: list[pl.DataFrame], whole: bool) -> None:
    """The chart, and the download of what it shows."""
    forecasts = together(shown)
    tested = shown[0]
    actual = history.clear()
    if tested.height:
        actual = history.filter(pl.col(DS).is_in(tested[DS].unique().implode()) & pl.col(Y).is_not_null())
    part = history if whole else recent(history, forecasts)
    page.chart(forecast_fan(part, forecasts, actual, title=unique_id), "fan")
    if forecasts.height:
        csv = with_actuals(forecasts, history).write_csv().encode()
        st.download_button("Download these forecasts (CSV)", csv, "forecasts.csv", "text/csv", on_click="ignore")


def _notes(shown: list[pl.DataFrame], published: pl.DataFrame | None, publication: object) -> None:
    """Under the chart: what a dotted line is, who made the published forecast, and every fallback with its reason."""
    notes = []
    if any(part.height for part in shown):
        notes.append("Dotted lines: cutoffs, the last period that a forecast knew. Rings: what came true.")
    if published is not None and publication is not None:
        row = published.filter(pl.col(CUTOFF) == publication).row(0, named=True)
        made = f"{row['generated_at']:%Y-%m-%d %H:%M} UTC"
        model = f"{row['model']}, version {row['model_version']} of {row['model_name']}"
        notes.append(f"Published: {model}, from data version {row['dataset_version']}, made {made}.")
    elif published is not None and published.is_empty():
        notes.append("No forecast is published for this series.")
    for part in shown:
        fallbacks = part.select("model", "source", FALLBACK).drop_nulls(FALLBACK).unique(maintain_order=True)
        notes += [
            f"Fallback in the {source} forecast of {model}: {reason}." for model, source, reason in fallbacks.rows()
        ]
    page.notes(notes)


def _scores(pipeline: Pipeline, unique_id: str, latest: Latest, cutoff: object, name: str) -> None:
    """The scores of every model for this series."""
    scores = pipeline.rows("scores", unique_id, latest.run_id)
    if scores is None:
        page.missing("There are no scores yet.", "backtest", pipeline.name)
        return
    if scores.is_empty():
        page.block(
            "note", "The last run has no scores for this series: it was quarantined, or it has no actual values there."
        )
        return
    board = pl.DataFrame(latest.leaderboard, infer_schema_length=None)
    page.section("Scores, mean over all cutoffs" if cutoff is None else f"Scores from cutoff {name}")
    nominal = interval(tuple(latest.quantile_levels))
    scored = score_board(scores, cutoff, board, list(latest.metrics))
    st.html(
        leaderboard_table(
            scored, {m: latest.metrics[m] for m in latest.metrics if m in scored.columns}, latest.champion, nominal
        )
    )
    page.notes(reasons(scores, cutoff))
