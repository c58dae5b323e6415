"""A series with its forecasts: history, each model's forecast with its quantile bands, cutoff, actual values."""

from typing import Any

import plotly.graph_objects as go
import polars as pl

from forecasting.figures.theme import INK, MUTED, colour, dash, faded, plain, styled
from forecasting.schema import CUTOFF, DS, FALLBACK, Y_HAT, Y, quantile_column, quantile_levels_of

VALUE_TITLE = "value (unit of the series)"


def forecast_fan(
    history: pl.DataFrame,
    forecasts: pl.DataFrame,
    actual: pl.DataFrame | None = None,
    title: str = "Forecast",
    compact: bool = False,
) -> go.Figure:
    """One series: `history` (ds, y), `forecasts` (model, ds, y_hat, q.., if there: cutoff, fallback), `actual` (ds, y).

    Models take the palette's colours in the order of their first row; of several cutoffs each gets its own fan.
    `compact` leaves out legend, title, axis titles and all bands but the first model's, for small multiples whose
    caption says the rest. Values are in the unit of the series.
    """
    figure = go.Figure()
    fans = _fans(forecasts)
    for place, part in fans:
        if place == 0 or not compact:
            _bands(figure, part, place)
    _observed(figure, history, compact)
    if actual is not None and actual.height:
        _actual(figure, actual, compact)
    named: set[int] = set()
    for place, part in fans:
        _point_forecast(figure, part, place, named=place not in named)
        named.add(place)
    _cutoffs(figure, forecasts)
    figure = styled(
        figure, plain(title, 90), time_title(history[DS].dtype), VALUE_TITLE, height=172 if compact else 440
    )
    # Within a few pixels only: else the box would also list the next step of a fan that starts there.
    figure.update_layout(hovermode="x unified", hoverdistance=8)
    if history.height == 1 and forecasts.is_empty():
        figure.update_xaxes(tickvals=times(history[DS]))  # around one point plotly would count milliseconds
    if compact:
        figure.update_layout(showlegend=False, title={"text": ""}, margin={"l": 8, "r": 8, "t": 8, "b": 4})
        figure.update_xaxes(title={"text": "", "standoff": 0}, nticks=5).update_yaxes(title={"text": ""}, nticks=5)
    return figure


def times(ds: pl.Series) -> list[Any]:
    """`ds` as plotly reads it: integers as they are, dates and UTC time stamps as ISO text without a zone."""
    if ds.dtype == pl.Date:
        return ds.dt.strftime("%Y-%m-%d").to_list()
    if isinstance(ds.dtype, pl.Datetime):
        return ds.dt.strftime("%Y-%m-%dT%H:%M:%S").to_list()
    return ds.to_list()


def time_title(dtype: pl.DataType) -> str:
    """Axis title of `ds`: what a tick stands for."""
    if isinstance(dtype, pl.Datetime):
        return "time (start of the period, UTC)"
    return "time (start of the period)" if dtype == pl.Date else "time (step)"


def _fans(forecasts: pl.DataFrame) -> list[tuple[int, pl.DataFrame]]:
    """The rows of each model and cutoff in time order, with the model's place in the palette."""
    fans = []
    for place, model in enumerate(forecasts["model"].unique(maintain_order=True)):
        rows = forecasts.filter(pl.col("model") == model).sort(DS)
        parts = rows.partition_by(CUTOFF, maintain_order=True) if CUTOFF in rows.columns else [rows]
        fans += [(place, part) for part in parts]
    return fans


def _bands(figure: go.Figure, part: pl.DataFrame, place: int) -> None:
    """Each pair of quantile columns around the median as a filled band, the widest first and palest."""
    levels = quantile_levels_of(part)
    x = times(part[DS])
    lower = [level for level in levels if level < 0.5 and _mirror(level) in levels]
    for level in lower:
        low, high = part[quantile_column(level)].to_list(), part[quantile_column(_mirror(level))].to_list()
        figure.add_scatter(
            x=x + x[::-1],
            y=high + low[::-1],
            fill="toself",
            fillcolor=faded(colour(place), 0.14),
            line={"width": 0},
            mode="lines",
            hoverinfo="skip",
            showlegend=False,
            legendgroup=str(place),
        )


def _point_forecast(figure: go.Figure, part: pl.DataFrame, place: int, named: bool) -> None:
    """The line of y_hat; its legend entry names the model, the band's level and a fallback."""
    levels = quantile_levels_of(part)
    outer = [level for level in levels if level < 0.5 and _mirror(level) in levels][:1]
    name = plain(str(part["model"][0]), 40)
    band, hover, ends = "", "", None
    if outer:
        low, high = outer[0], _mirror(outer[0])
        band = f", {round((high - low) * 100, 4):g} % interval"
        hover = " (%{customdata[0]:,.4~g} to %{customdata[1]:,.4~g})"
        ends = part.select(quantile_column(low), quantile_column(high)).rows()
    fell_back = FALLBACK in part.columns and part[FALLBACK].null_count() < part.height
    figure.add_scatter(
        x=times(part[DS]),
        y=part[Y_HAT].to_list(),
        customdata=ends,
        meta=name,
        name=name + band + (" (fallback)" if fell_back else ""),
        showlegend=named,
        mode="lines+markers" if part.height < 2 else "lines",
        line={"color": colour(place), "width": 2.2, "dash": dash(place)},
        legendgroup=str(place),
        hovertemplate="%{meta}: %{y:,.4~g}" + hover + "<extra></extra>",
    )


def _observed(figure: go.Figure, history: pl.DataFrame, compact: bool) -> None:
    """The history as a line that breaks at nulls; values between two nulls get dots, since no line would show them."""
    rows = history.sort(DS)
    figure.add_scatter(
        x=times(rows[DS]),
        y=rows[Y].to_list(),
        name="observed",
        mode="lines",
        line={"color": INK, "width": 1.2 if compact else 1.5},
        connectgaps=False,
        hovertemplate="observed: %{y:,.4~g}<extra></extra>",
    )
    alone = rows.filter(pl.col(Y).is_not_null() & pl.col(Y).shift(1).is_null() & pl.col(Y).shift(-1).is_null())
    if alone.height:
        x, y, dot = times(alone[DS]), alone[Y].to_list(), {"color": INK, "size": 3}
        figure.add_scatter(x=x, y=y, mode="markers", marker=dot, hoverinfo="skip", showlegend=False)


def _actual(figure: go.Figure, actual: pl.DataFrame, compact: bool) -> None:
    """What came true over the horizon: rings, or dots where rings would cover each other."""
    many = actual.height > 24
    marker = {"color": INK, "size": 3} if many else {"color": INK, "size": 4 if compact else 6, "symbol": "circle-open"}
    figure.add_scatter(
        x=times(actual[DS]),
        y=actual[Y].to_list(),
        name="actual",
        mode="markers",
        marker={**marker, "line": {"width": 0 if many else 1.5}},
        hovertemplate="actual: %{y:,.4~g}<extra></extra>",
    )


def _cutoffs(figure: go.Figure, forecasts: pl.DataFrame) -> None:
    if CUTOFF not in forecasts.columns:
        return
    for cutoff in times(forecasts[CUTOFF].unique().sort()):
        figure.add_shape(
            type="line",
            x0=cutoff,
            x1=cutoff,
            xref="x",
            y0=0,
            y1=1,
            yref="paper",
            line={"color": MUTED, "width": 1, "dash": "dot"},
        )


def _mirror(level: float) -> float:
    return round(1 - level, 8)
