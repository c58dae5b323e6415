"""The leaderboard as figures: one metric as bars, best on top; the skill of each model with what it may be."""

import math

import plotly.graph_objects as go
import polars as pl

from forecasting.figures.labels import number, percent
from forecasting.figures.theme import BASELINE, INK, MUTED, NETWORK, plain, styled
from forecasting.schema import MetricLabel

BASELINE_KIND = "baseline"
_WORST_SHOWN = -1.5  # a skill below it is written, not drawn: the others would become one dot


def leaderboard_bars(
    leaderboard: pl.DataFrame, metric: str, label: MetricLabel, champion: str | None = None
) -> go.Figure:
    """Horizontal bars of `metric`, which `label` names, per model from the columns model, kind, `metric`; the champion is starred.

    Where lower is better, bars are sorted and a dotted line stands at the best baseline; else they keep their order.
    """
    rows = leaderboard.select("model", "kind", value=pl.col(metric).cast(pl.Float64))
    if label.better == "low":
        rows = rows.sort("value", nulls_last=True, maintain_order=True)
    names = {m: f"<b>★ {plain(m, 32)}</b>" if m == champion else plain(m, 32) for m in rows["model"]}
    figure = go.Figure()
    baselines = pl.col("kind") == BASELINE_KIND
    _bars(figure, rows.filter(~baselines), names=names, kind="network", tone=NETWORK, ink="#ffffff")
    _bars(figure, rows.filter(baselines), names=names, kind="baseline", tone=BASELINE, ink=INK)
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


def skill_intervals(leaderboard: pl.DataFrame, champion: str | None = None) -> go.Figure:
    """The skill of each model against the best baseline as a dot with its bounds, from the columns model, kind,
    skill_best_baseline, low, high, tied; rows keep their order, models that cannot be told apart from the first say so.
    """
    rows = leaderboard.select("model", "kind", "low", "high", "tied", skill="skill_best_baseline")
    names = {row["model"]: _titled(row, champion) for row in rows.to_dicts()}
    figure = go.Figure()
    for kind, tone, mine in (
        ("network", NETWORK, rows.filter(pl.col("kind") != BASELINE_KIND)),
        ("baseline", BASELINE, rows.filter(pl.col("kind") == BASELINE_KIND)),
    ):
        _dots(figure, mine, names, kind, tone)
    order = [names[m] for m in reversed(rows["model"].to_list())]
    figure.update_yaxes(ticklabelstandoff=6, tickfont={"color": INK}, categoryorder="array", categoryarray=order)
    figure.update_xaxes(range=_skill_range(rows), tickformat="+.0%")
    figure.add_vline(x=0, line={"color": MUTED, "width": 1.2, "dash": "dot"}, layer="below")
    inner = 50 + 30 * max(rows.height, 2)
    for row in rows.filter(pl.col("skill") < _WORST_SHOWN).to_dicts():
        figure.add_annotation(
            x=_WORST_SHOWN, y=names[row["model"]], text=f"← {percent(row['skill'])}", showarrow=False, xanchor="left"
        )
    title = "Skill against the best baseline (= like the first)"
    figure = styled(figure, title, "skill (share of the baseline's error)", "model", height=inner + 125)
    return figure.update_layout(legend={"y": -62 / inner})


def _titled(row: dict[str, object], champion: str | None) -> str:
    name = plain(str(row["model"]), 32) + (" =" if row["tied"] else "")
    return f"<b>★ {name}</b>" if row["model"] == champion else name


def _skill_range(rows: pl.DataFrame) -> list[float]:
    """All skills and bounds, but no model so bad that the others become one dot."""
    values = [v for c in ("skill", "low", "high") for v in rows[c].to_list() if v is not None and math.isfinite(v)]
    low, high = min([*values, 0.0]), max([*values, 0.0])
    return [max(low, _WORST_SHOWN) - 0.05, high + 0.05]


def _dots(figure: go.Figure, rows: pl.DataFrame, names: dict[str, str], kind: str, tone: str) -> None:
    bounds = [
        (s, low if low is not None else s, high if high is not None else s)
        for s, low, high in rows.select("skill", "low", "high").rows()
    ]
    figure.add_scatter(
        x=[s for s, _, _ in bounds],
        y=[names[m] for m in rows["model"]],
        name=kind,
        mode="markers",
        marker={"color": tone, "size": 9},
        error_x={
            "type": "data",
            "symmetric": False,
            "array": [None if s is None else high - s for s, _, high in bounds],
            "arrayminus": [None if s is None else s - low for s, low, _ in bounds],
            "color": tone,
            "thickness": 1.6,
            "width": 4,
        },
        text=[percent(s) for s, _, _ in bounds],
        hovertemplate="%{y}: %{text}<extra></extra>",
        showlegend=not rows.is_empty(),
    )
