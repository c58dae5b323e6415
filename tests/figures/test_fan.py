from datetime import UTC, date, datetime

import polars as pl
import pytest

from forecasting.figures.fan import forecast_fan, time_title, times
from forecasting.figures.theme import colour

HISTORY = pl.DataFrame({"ds": [1, 2, 3, 4, 5], "y": [1.0, None, 2.0, None, 4.0]})


def fan(model: str = "ets", cutoff: int = 5) -> pl.DataFrame:
    ds = [cutoff + 1, cutoff + 2]
    return pl.DataFrame(
        {
            "model": model,
            "cutoff": cutoff,
            "ds": ds,
            "y_hat": [3.0, 4.0],
            "q10": [2.0, 2.5],
            "q50": [3.0, 4.0],
            "q90": [4.0, 6.0],
        }
    )


def test_a_band_runs_along_the_upper_quantile_and_back_along_the_lower_one() -> None:
    band = forecast_fan(HISTORY, fan()).data[0]
    assert band.fill == "toself"
    assert list(band.x) == [6, 7, 7, 6]
    assert list(band.y) == [4.0, 6.0, 2.5, 2.0]


def test_four_quantiles_around_the_median_make_two_bands_and_the_legend_names_the_wider_one() -> None:
    wider = fan().with_columns(q2_5=pl.lit(0.0), q97_5=pl.lit(9.0))
    figure = forecast_fan(HISTORY, wider)
    bands = [trace for trace in figure.data if trace.fill == "toself"]
    assert [max(band.y) for band in bands] == [9.0, 6.0]
    assert "ets, 95 % interval" in [trace.name for trace in figure.data]


def test_a_forecast_without_quantiles_is_a_line_alone() -> None:
    figure = forecast_fan(HISTORY, fan().select("model", "ds", "y_hat"))
    assert [trace.name for trace in figure.data if trace.name] == ["observed", "ets"]
    assert not figure.layout.shapes


def test_the_history_breaks_at_nulls_and_a_value_alone_gets_a_dot() -> None:
    observed, dots = [trace for trace in forecast_fan(HISTORY, fan()).data if trace.legendgroup is None]
    assert list(observed.y) == [1.0, None, 2.0, None, 4.0]
    assert observed.connectgaps is False
    assert list(dots.x) == [1, 3, 5]


def test_each_model_keeps_its_colour_over_several_cutoffs_and_stands_once_in_the_legend() -> None:
    figure = forecast_fan(HISTORY, pl.concat([fan(), fan("naive"), fan("ets", 3)]))
    lines = [trace for trace in figure.data if trace.meta]
    assert [(t.meta, t.line.color, t.showlegend, list(t.x)) for t in lines] == [
        ("ets", colour(0), True, [4, 5]),
        ("ets", colour(0), False, [6, 7]),
        ("naive", colour(1), True, [6, 7]),
    ]
    assert [shape.x0 for shape in figure.layout.shapes] == [3, 5]


def test_what_came_true_is_drawn_over_the_forecast() -> None:
    actual = pl.DataFrame({"ds": [6, 7], "y": [3.5, 4.5]})
    rings = next(t for t in forecast_fan(HISTORY, fan(), actual).data if t.name == "actual")
    assert (list(rings.x), list(rings.y), rings.mode) == ([6, 7], [3.5, 4.5], "markers")


def test_a_fallback_is_named_in_the_legend() -> None:
    rows = fan().with_columns(fallback=pl.lit("too short"))
    assert "ets, 80 % interval (fallback)" in [t.name for t in forecast_fan(HISTORY, rows).data]


def test_a_compact_fan_shades_the_first_model_alone_and_leaves_the_words_to_its_caption() -> None:
    figure = forecast_fan(HISTORY, pl.concat([fan(), fan("naive")]), title="A", compact=True)
    assert sum(trace.fill == "toself" for trace in figure.data) == 1
    assert figure.layout.showlegend is False
    assert (figure.layout.title.text, figure.layout.xaxis.title.text, figure.layout.yaxis.title.text) == ("", "", "")


def test_history_alone_is_a_figure_too() -> None:
    figure = forecast_fan(HISTORY, pl.DataFrame(schema={"model": pl.String}), title="A")
    assert [trace.name for trace in figure.data] == ["observed", None]


@pytest.mark.parametrize(
    ("ds", "shown", "title"),
    [
        ([7], [7], "time (step)"),
        ([date(2024, 2, 1)], ["2024-02-01"], "time (start of the period)"),
        ([datetime(2024, 2, 1, 13, tzinfo=UTC)], ["2024-02-01T13:00:00"], "time (start of the period, UTC)"),
    ],
)
def test_every_kind_of_time_stamp_is_shown_as_it_is_and_its_axis_says_what_it_is(
    ds: list[object], shown: list[object], title: str
) -> None:
    stamps = pl.Series("ds", ds)
    assert times(stamps) == shown
    assert time_title(stamps.dtype) == title
