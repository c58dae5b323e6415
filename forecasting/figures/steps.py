"""The score by forecast step: where along the horizon a model gains or loses."""

from collections.abc import Sequence

import plotly.graph_objects as go
import polars as pl

from forecasting.figures.theme import QUIET, colour, dash, plain, styled
from forecasting.schema import MetricLabel


def step_profile(
    step_scores: pl.DataFrame, metric: str, label: MetricLabel, highlight: Sequence[str] = ()
) -> go.Figure:
    """Lines of `metric`, which `label` names, over step 1..H per model from the columns model, step, metric, value.

    With `highlight` those models are coloured, in that order, and the others stay grey behind them.
    """
    rows = step_scores.filter(pl.col("metric") == metric).sort("model", "step")
    models = rows["model"].unique(maintain_order=True).to_list()
    shown = [m for m in highlight if m in models] or models
    figure = go.Figure()
    others = [m for m in models if m not in shown]
    for model in [*others, *shown]:
        part = rows.filter(pl.col("model") == model)
        quiet = model in others
        place = 0 if quiet else shown.index(model)
        line = {"color": QUIET, "width": 1.2} if quiet else {"color": colour(place), "dash": dash(place), "width": 2.4}
        figure.add_scatter(
            x=part["step"].to_list(),
            y=part["value"].to_list(),
            name="other models" if quiet else plain(model, 32),
            legendgroup="others" if quiet else model,
            showlegend=not quiet or model == others[0],
            mode="lines+markers",
            line=line,
            marker={"size": 3 if quiet else 6},
            meta=plain(model, 32),
            hovertemplate="%{meta}: %{y:.3~g}<extra></extra>",
        )
    figure = styled(
        figure, f"{label.name} by forecast step, {label.hint}", "step ahead (periods)", label.axis, height=380
    )
    figure.update_xaxes(tickformat="d", dtick=_tick(rows))
    return figure.update_layout(hovermode="x unified")


def _tick(rows: pl.DataFrame) -> int:
    """Steps between ticks, so that at most about a dozen stand on the axis."""
    horizon = int(rows["step"].max() or 1)  # type: ignore[arg-type]
    return max(1, -(-horizon // 12))
