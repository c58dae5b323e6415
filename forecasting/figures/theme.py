"""The look of every figure: one template, one colour-blind safe palette, text that shows data as it is.

Frames come in, figures go out with `styled`; where they are shown (run, report, dashboard) is the caller's business.
"""

import html

import plotly.graph_objects as go

FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
INK, MUTED, GRID, PAPER = "#1f2933", "#5f6b7a", "#e9edf1", "#ffffff"

# Okabe and Ito, "Color Universal Design" (2008), without its black (the actuals) and its yellow (too pale on white).
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#7F6000")
DASHES = ("solid", "dash", "dot", "dashdot")
NETWORK, BASELINE, QUIET = PALETTE[0], "#8d99a6", "#c3cbd3"


def colour(index: int) -> str:
    """Hex colour of the index-th model; after the palette's end the colours repeat and `dash` tells them apart."""
    return PALETTE[index % len(PALETTE)]


def dash(index: int) -> str:
    """Plotly dash of the index-th model: solid for the first round of the palette, then others."""
    return DASHES[index // len(PALETTE) % len(DASHES)]


def faded(hex_colour: str, opacity: float) -> str:
    """`#rrggbb` with an opacity in [0, 1] as a css colour."""
    red, green, blue = (int(hex_colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},{opacity:g})"


def plain(text: str, limit: int = 60) -> str:
    """Data shown in a figure as it is: plotly reads text as HTML, so it is escaped; beyond `limit` it is shortened."""
    return html.escape(text if len(text) <= limit else text[: limit - 1] + "…", quote=False)


def template() -> go.layout.Template:
    """The project's plotly template: light, left-aligned title, quiet grid, legend below the plot."""
    axis = {
        "gridcolor": GRID,
        "linecolor": QUIET,
        "zeroline": False,
        "ticks": "",
        "title": {"font": {"size": 12, "color": MUTED}, "standoff": 10},
        "tickfont": {"size": 11, "color": MUTED},
        "automargin": True,
    }
    layout = {
        "font": {"family": FONT, "size": 12, "color": INK},
        "title": {"x": 0, "xref": "container", "xanchor": "left", "pad": {"l": 8}, "font": {"size": 15, "color": INK}},
        "paper_bgcolor": PAPER,
        "plot_bgcolor": PAPER,
        "colorway": list(PALETTE),
        "margin": {"l": 56, "r": 20, "t": 52, "b": 48},
        "legend": {"orientation": "h", "x": 0, "xanchor": "left", "y": -0.22, "yanchor": "top", "font": {"size": 12}},
        "hoverlabel": {"bgcolor": PAPER, "bordercolor": QUIET, "font": {"family": FONT, "size": 12, "color": INK}},
        "xaxis": {**axis, "showgrid": False, "showline": True},
        "yaxis": axis,
    }
    return go.layout.Template(layout=layout)


def styled(figure: go.Figure, title: str, x_title: str, y_title: str, height: int) -> go.Figure:
    """`figure` with template, title, axis titles (with units) and a height in pixels; the width follows the page."""
    figure.update_layout(template=template(), title={"text": title}, height=height, autosize=True)
    figure.update_xaxes(title={"text": x_title})
    figure.update_yaxes(title={"text": y_title})
    return figure
