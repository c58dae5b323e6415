"""The leaderboard as bars: one metric, every network and baseline, best on top."""

import math

import plotly.graph_objects as go
import polars as pl

from forecasting.figures.labels import metric_label, number
from forecasting.figures.theme import BASELINE, INK, MUTED, NETWORK, plain, styled

BASELINE_KIND = "baseline"


def leaderboard_bars(leaderboard: pl.DataFrame, metric: str, champion: str | None = None) -> go.Figure:
    """Horizontal bars of `metric` per model from the columns model, kind, `metric`; the champion is starred.

    Where lower is better, bars are sorted and a dotted line stands at the best baseline; else they keep their order.
    """
    label = metric_label(metric)
    rows = leaderboard.select("model", "kind", value=pl.col(metric).cast(pl.Float64))
    if label.better == "low":
        rows = rows.sort("value", nulls_last=True, maintain_order=True)
    names = {m: f"<b>★ {plain(m, 32)}</b>" if m == champion else plain(m, 32) for m in rows["model"]}
    figure = go.Figure()
    baselines = pl.col("kind") == BASELINE_KIND
    _bars(figure, rows.filter(~baselines), names, "network", NETWORK, "#ffffff")
    _bars(figure, rows.filter(baselines), names, "baseline", BASELINE, INK)
    order = [names[m] for m in reversed(rows["model"].to_list())]
    figure.update_yaxes(ticklabelstandoff=6, tickfont={"color": INK}, categoryorder="array", categoryarray=order)
    values = [v for v in rows["value"].to_list() if v is not None and math.isfinite(v)] or [1.0]
    figure.update_xaxes(range=[1.1 * min(0.0, *values), 1.1 * max(0.0, *values)])
    best = rows.filter(baselines)["value"].min()
    title = f"{label.name} by model, {label.hint}"
    if isinstance(best, float) and label.better == "low":
        figure.add_vline(x=best, line={"color": MUTED, "width": 1.2, "dash": "dot"}, layer="below")
        title += " (dotted: best baseline)"
    inner = 50 + 30 * max(rows.height, 2)  # pixels of the plot itself; the legend stands below its axis title
    figure = styled(figure, title, label.axis, "model", height=inner + 125)
    return figure.update_layout(bargap=0.3, legend={"y": -62 / inner})


def _bars(figure: go.Figure, rows: pl.DataFrame, names: dict[str, str], kind: str, tone: str, ink: str) -> None:
    """The bars of one kind, each with its number inside its end, or beside it where the bar is too short."""
    figure.add_bar(
        x=rows["value"].to_list(),
        y=[names[m] for m in rows["model"]],
        text=[number(v) for v in rows["value"]],
        name=kind,
        orientation="h",
        marker={"color": tone},
        textposition="auto",
        insidetextanchor="end",
        textangle=0,
        insidetextfont={"color": ink},
        outsidetextfont={"color": INK},
        hovertemplate="%{y}: %{text}<extra></extra>",
        showlegend=not rows.is_empty(),
    )
