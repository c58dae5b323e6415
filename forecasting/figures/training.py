"""How a fit went: losses and gradient norms over the optimizer steps."""

import plotly.graph_objects as go
import polars as pl

from forecasting.figures.theme import INK, MUTED, colour, dash, faded, plain, styled

X_TITLE = "optimizer step"


def loss_curves(history: pl.DataFrame) -> go.Figure:
    """Training (thin) and validation loss (thick, best look circled) from columns model, step, train_loss, valid_loss.

    Losses are in scaled units; nulls, or a column that is not there, are what was not measured. Steep falls get a
    logarithmic axis.
    """
    absent = [name for name in ("train_loss", "valid_loss") if name not in history.columns]
    history = history.with_columns(pl.lit(None, pl.Float64).alias(name) for name in absent)
    figure = go.Figure()
    for place, model in enumerate(history["model"].unique(maintain_order=True)):
        part = history.filter(pl.col("model") == model).sort("step")
        _curve(
            figure,
            part,
            column="train_loss",
            name=f"{plain(model, 32)}, training",
            tone=faded(colour(place), 0.45),
            width=1.2,
            dashes=dash(place),
        )
        _curve(
            figure,
            part,
            column="valid_loss",
            name=f"{plain(model, 32)}, validation",
            tone=colour(place),
            width=2.4,
            dashes=dash(place),
        )
        looks = _measured(part, "valid_loss")
        if looks.height:
            best = looks.sort("valid_loss").head(1)
            figure.add_scatter(
                x=best["step"].to_list(),
                y=best["valid_loss"].to_list(),
                mode="markers",
                marker={"symbol": "circle-open", "size": 11, "color": INK, "line": {"width": 1.5}},
                hoverinfo="skip",
                showlegend=False,
            )
    figure = styled(
        figure, "Loss while training (circle: the weights that were kept)", X_TITLE, "loss (scaled units)", height=380
    )
    steep = _steep(pl.concat([history[column].cast(pl.Float64) for column in ("train_loss", "valid_loss")]))
    return figure.update_yaxes(type="log" if steep else "linear").update_layout(hovermode="x unified")


def gradient_norms(history: pl.DataFrame, clip_norm: float | None = None) -> go.Figure:
    """Global gradient norm before clipping from columns model, step, gradient_norm; a dotted line at `clip_norm`."""
    figure = go.Figure()
    for place, model in enumerate(history["model"].unique(maintain_order=True)):
        part = history.filter(pl.col("model") == model).sort("step")
        _curve(
            figure,
            part,
            column="gradient_norm",
            name=plain(model, 32),
            tone=colour(place),
            width=1.6,
            dashes=dash(place),
        )
    if clip_norm is not None:
        figure.add_hline(y=clip_norm, line={"color": MUTED, "width": 1, "dash": "dot"})
    clipped = "" if clip_norm is None else f" (dotted: clipped above {clip_norm:g})"
    figure = styled(figure, f"Gradient norm while training{clipped}", X_TITLE, "global norm (scaled units)", height=340)
    return figure.update_yaxes(type="log").update_layout(hovermode="x unified")


def _measured(part: pl.DataFrame, column: str) -> pl.DataFrame:
    """Rows where the column holds a finite number; one that was never measured may be of any type."""
    return part.with_columns(pl.col(column).cast(pl.Float64)).filter(pl.col(column).is_finite())


def _curve(figure: go.Figure, part: pl.DataFrame, column: str, name: str, tone: str, width: float, dashes: str) -> None:
    rows = _measured(part, column)
    figure.add_scatter(
        x=rows["step"].to_list(),
        y=rows[column].to_list(),
        name=name,
        meta=name,
        mode="lines+markers" if rows.height < 2 else "lines",
        line={"color": tone, "width": width, "dash": dashes},
        hovertemplate="%{meta}: %{y:.4~g}<extra></extra>",
    )


def _steep(loss: pl.Series) -> bool:
    """Whether positive losses span more than a factor of 30."""
    values = loss.drop_nulls().drop_nans()
    if values.is_empty() or float(values.min()) <= 0:  # type: ignore[arg-type]
        return False
    return float(values.max()) / float(values.min()) > 30  # type: ignore[arg-type]
