"""What every figure of the table owes: title, axis titles, our colours, names shown as text and never as markup."""

from collections.abc import Callable

import plotly.graph_objects as go
import polars as pl
import pytest

from forecasting.evaluation.metrics import METRICS
from forecasting.figures import FIGURES
from forecasting.figures.theme import FONT
from tests.figures import example

LOSSES = {"step": [1, 2], "train_loss": [2.0, 1.0], "valid_loss": [None, 1.5], "gradient_norm": [3.0, 0.5]}


def fan_of(name: str) -> go.Figure:
    history = example.history(["A"])
    rows = example.forecasts(history, cutoffs=(2006,), models=("ets", "naive")).with_columns(model=pl.lit(name))
    return FIGURES["forecast_fan"](history, rows, title=name)


def board_of(name: str) -> pl.DataFrame:
    return pl.DataFrame({"model": [name, "ets"], "kind": ["recurrent", "baseline"], "mase": [1.0, 2.0]})


def standing_of(name: str) -> pl.DataFrame:
    bounds = {"skill_best_baseline": [0.2, 0.0], "low": [0.1, None], "high": [0.3, None], "tied": [True, False]}
    return board_of(name).with_columns(**{key: pl.Series(value) for key, value in bounds.items()})


EXAMPLES: dict[str, Callable[[str], go.Figure]] = {
    "forecast_fan": fan_of,
    "gradient_norms": lambda name: FIGURES["gradient_norms"](pl.DataFrame({"model": name, **LOSSES}), 1.0),
    "gradient_through_time": lambda name: FIGURES["gradient_through_time"](
        pl.DataFrame({"line": name, "lag": [0, 1], "share": [1.0, 0.1]}), 12
    ),
    "leaderboard_bars": lambda name: FIGURES["leaderboard_bars"](board_of(name), "mase", METRICS["mase"].label, name),
    "loss_curves": lambda name: FIGURES["loss_curves"](pl.DataFrame({"model": name, **LOSSES})),
    "skill_intervals": lambda name: FIGURES["skill_intervals"](standing_of(name), name),
    "step_profile": lambda name: FIGURES["step_profile"](
        pl.DataFrame({"model": name, "step": [1, 2], "metric": "mase", "value": [1.0, 2.0]}),
        "mase",
        METRICS["mase"].label,
        [name],
    ),
}


def test_every_figure_has_an_example_here() -> None:
    assert EXAMPLES.keys() == FIGURES.keys()


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_figure_has_a_title_axis_titles_with_units_and_a_height(name: str) -> None:
    layout = EXAMPLES[name]("gru").layout
    assert layout.title.text
    assert layout.xaxis.title.text
    assert layout.yaxis.title.text
    assert "(" in layout.xaxis.title.text + layout.yaxis.title.text
    assert layout.height >= 170


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_figure_wears_our_theme_and_not_plotlys(name: str) -> None:
    template = EXAMPLES[name]("gru").layout.template.layout
    assert template.font.family == FONT
    assert template.paper_bgcolor == "#ffffff"


@pytest.mark.parametrize("name", EXAMPLES)
def test_hostile_names_are_shown_as_text(name: str) -> None:
    written = EXAMPLES[name](example.HOSTILE).to_json()
    assert "&lt;img" in written
    for part in go.Figure(EXAMPLES[name](example.HOSTILE)).data:
        assert "<img" not in f"{part.name} {part.meta} {part.hovertemplate} {getattr(part, 'text', '')} {part.y}"


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_same_frame_gives_the_same_figure(name: str) -> None:
    assert EXAMPLES[name]("gru").to_json() == EXAMPLES[name]("gru").to_json()


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_shown_trace_is_named_in_the_legend_by_a_short_text(name: str) -> None:
    long = "a very long name of a model " * 5
    shown = [trace.name for trace in EXAMPLES[name](long).data if trace.showlegend is not False]
    assert shown
    assert all(text and len(text) <= 80 for text in shown)
