"""Gradient through time: how much of the loss at the end of a window still reaches the states before it."""

import plotly.graph_objects as go
import polars as pl

from forecasting.figures.theme import MUTED, colour, dash, plain, styled

SMALLEST = 1e-12  # below it a gradient has vanished, and the axis would hold nothing else


def gradient_through_time(profiles: pl.DataFrame, season_length: int | None = None) -> go.Figure:
    """One line per `line` from columns line, lag, share: |dL/dh| that many steps back, relative to its largest value.

    The dotted lines are the season length and the hundredth below which a state counts as forgotten.
    """
    figure = go.Figure()
    for place, line in enumerate(profiles["line"].unique(maintain_order=True)):
        part = profiles.filter((pl.col("line") == line) & (pl.col("share") >= SMALLEST)).sort("lag")
        name = plain(line, 60)
        figure.add_scatter(
            x=part["lag"].to_list(),
            y=part["share"].to_list(),
            name=name,
            meta=name,
            mode="lines+markers" if part.height < 2 else "lines",
            line={"color": colour(place), "width": 2, "dash": dash(place)},
            hovertemplate="%{meta}, %{x} steps back: %{y:.3~g}<extra></extra>",
        )
    figure = styled(
        figure,
        "Gradient through time: what the loss at a window's end still tells the states before it (dotted: 1 %)",
        "steps back from the end of the window",
        "|dL/dh| (largest = 1)",
        height=400,
    )
    quiet = {"color": MUTED, "width": 1, "dash": "dot"}
    figure.add_hline(y=0.01, line=quiet)
    if season_length is not None and season_length > 1:
        figure.add_vline(x=season_length, line=quiet, annotation_text=f"season ({season_length})")
    return figure.update_yaxes(type="log", exponentformat="power", dtick=2)


def profile_frame(lines: dict[str, dict[str, object]]) -> pl.DataFrame:
    """Rows line, lag (steps of the series), share from named rows {profile, stride} of a fit's report."""
    frames = [
        pl.DataFrame({"share": row["profile"]}, schema={"share": pl.Float64}).select(
            line=pl.lit(name), lag=pl.int_range(pl.len()) * pl.lit(row["stride"], dtype=pl.Int64), share="share"
        )
        for name, row in lines.items()
    ]
    return pl.concat(frames)
