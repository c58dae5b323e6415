"""The report's small multiples: which series to show, and one card for each with its forecasts and what came true."""

import html
from collections.abc import Sequence

import polars as pl

from forecasting.figures.fan import forecast_fan, time_title, times
from forecasting.figures.labels import interval, number
from forecasting.figures.theme import INK, colour, dash
from forecasting.reporting.report_page import figure_div
from forecasting.schema import CUTOFF, DS, FALLBACK, STEP, UNIQUE_ID, Y_HAT, Y, quantile_levels_of

N_SERIES = 12
DASHES = {"solid": "none", "dash": "7 4", "dot": "2 3", "dashdot": "7 3 2 3"}


def fans_section(champion: str, forecasts: pl.DataFrame, history: pl.DataFrame, series: list[str] | None) -> str:
    """HTML of the section: every series at its newest cutoff, the champion's forecast first; ids are escaped.

    `forecasts` as in `ReportData`; `series` null: `N_SERIES` of them, spread over the champion's relative error;
    named ones without any history are left out.
    """
    if forecasts.is_empty():
        return '<section><h2>Forecasts</h2><p class="note">There are no forecasts to show.</p></section>'
    newest = forecasts.filter(pl.col(CUTOFF) == pl.col(CUTOFF).max().over(UNIQUE_ID))
    models = newest["model"].unique(maintain_order=True).to_list()
    models.sort(key=lambda m: m != champion)  # stable: the champion first, the others in their order
    errors = relative_errors(newest.filter(pl.col("model") == models[0]), history)
    known = set(history[UNIQUE_ID])
    shown = spread(errors[UNIQUE_ID].to_list()) if series is None else [s for s in series if s in known]
    error_of = dict(errors.rows())
    cards = [
        _card(newest, history, models=models, unique_id=s, key=f"fan-{i}", error=error_of.get(s))
        for i, s in enumerate(shown)
    ]
    notes = [_selection(models[0], len(shown), errors, chosen=series is not None)]
    level = interval(quantile_levels_of(newest))
    notes += [] if level is None else [f"Shaded: the {level * 100:g} % interval of {models[0]}."]
    notes += ["Error: mean error in percent of the mean level."] if errors["error"].count() else []
    notes.append(f"Up: value in the unit of each series; across: {time_title(history[DS].dtype)}.")
    return (
        f'<section><h2>Forecasts</h2><p class="note">{html.escape(" ".join(notes))}</p>{_key(models, champion)}'
        f'<div class="fans">{"".join(cards)}</div></section>'
    )


def relative_errors(forecasts: pl.DataFrame, history: pl.DataFrame) -> pl.DataFrame:
    """Per series of one model's forecasts: mean |error| over mean absolute level (`error`; null without actuals).

    Columns unique_id, error; sorted by error, then by id; series without actuals last.
    """
    levels = history.group_by(UNIQUE_ID).agg(level=pl.col(Y).abs().mean())
    rows = forecasts.select(UNIQUE_ID, DS, Y_HAT).join(history.select(UNIQUE_ID, DS, Y), on=[UNIQUE_ID, DS], how="left")
    errors = (
        rows.group_by(UNIQUE_ID)
        .agg(mae=(pl.col(Y) - pl.col(Y_HAT)).abs().mean())
        .join(levels, on=UNIQUE_ID, how="left")
    )
    error = pl.when(pl.col("level") > 0).then(pl.col("mae") / pl.col("level"))
    return errors.select(UNIQUE_ID, error=error).sort("error", UNIQUE_ID, nulls_last=True)


def spread(ids: Sequence[str], n: int = N_SERIES) -> list[str]:
    """At most `n` of `ids`, evenly over their order, first and last always among them."""
    if len(ids) <= n:
        return list(ids)
    return [ids[round(i * (len(ids) - 1) / (n - 1))] for i in range(n)]


def _selection(leading: str, n_shown: int, errors: pl.DataFrame, chosen: bool) -> str:
    """Which series are shown, and why these."""
    if chosen or n_shown == errors.height:
        return f"{n_shown} of {errors.height} series at the newest cutoff."
    if errors["error"].null_count() == errors.height:
        return f"{n_shown} of {errors.height} series at the newest cutoff, spread over their ids."
    order = f"from the smallest to the largest relative error of {leading}"
    return f"{n_shown} of {errors.height} series at the newest cutoff, {order}."


def _card(
    newest: pl.DataFrame, history: pl.DataFrame, models: list[str], unique_id: str, key: str, error: float | None
) -> str:
    """One small multiple: the last part of the history, the forecasts, what came true."""
    rows = newest.filter(pl.col(UNIQUE_ID) == unique_id)
    rows = pl.concat([rows.filter(pl.col("model") == m).sort(DS) for m in models])
    past = history.filter(pl.col(UNIQUE_ID) == unique_id).sort(DS)
    actual = past.clear()
    notes = ["no forecast"]
    if rows.height:
        actual = past.filter((pl.col(DS) > rows[CUTOFF][0]) & (pl.col(DS) <= rows[DS][-1]) & pl.col(Y).is_not_null())
        past = past.filter(pl.col(DS) <= rows[CUTOFF][0]).tail(max(24, 4 * rows[STEP].n_unique()))
        notes = [f"cutoff {_stamp(rows[CUTOFF])}"]
    if error is not None:
        notes.append(f"error {number(error * 100, 2)} %")
    if FALLBACK in rows.columns:
        reasons = rows.filter(pl.col("model") == models[0])[FALLBACK].drop_nulls()
        notes += [f"fallback: {reasons[0]}"] if len(reasons) else []
    under, name = html.escape(" · ".join(notes)), html.escape(unique_id)
    figure = forecast_fan(past, rows, actual, title=unique_id, compact=True)
    return (
        f'<article class="card"><h3 title="{name}">{name}</h3><p class="under" title="{under}">{under}</p>'
        f"{figure_div(key, figure)}</article>"
    )


def _stamp(cutoffs: pl.Series) -> str:
    """The first cutoff as text, without a midnight."""
    return str(times(cutoffs.head(1))[0]).removesuffix("T00:00:00").removesuffix(":00").replace("T", " ")


def _key(models: list[str], champion: str) -> str:
    """One legend for all small multiples."""
    ring = f'<circle cx="5" cy="5" r="3" fill="none" stroke="{INK}" stroke-width="1.5"/>'
    marks = [
        _mark(f'<line x1="0" x2="22" y1="5" y2="5" stroke="{INK}" stroke-width="1.5"/>', 22, "observed"),
        _mark(ring, 10, "actual after the cutoff"),
    ]
    for place, model in enumerate(models):
        tone, dashes = colour(place), DASHES[dash(place)]
        band = "" if place else f'<rect width="22" height="10" fill="{tone}" opacity=".2"/>'
        shape = (
            f'{band}<line x1="0" x2="22" y1="5" y2="5" stroke="{tone}" stroke-width="2.2" stroke-dasharray="{dashes}"/>'
        )
        marks.append(_mark(shape, 22, model + (" (champion)" if model == champion else "")))
    return f'<ul class="key">{"".join(marks)}</ul>'


def _mark(shape: str, width: int, name: str) -> str:
    return f'<li><svg width="{width}" height="10" aria-hidden="true">{shape}</svg>{html.escape(name)}</li>'
