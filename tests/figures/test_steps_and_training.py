import polars as pl

from forecasting.evaluation.metrics import METRICS
from forecasting.figures.steps import step_profile
from forecasting.figures.theme import QUIET, colour
from forecasting.figures.training import gradient_norms, loss_curves

STEPS = pl.DataFrame(
    {
        "model": ["b", "b", "a", "a", "c", "c"],
        "step": [2, 1, 1, 2, 1, 2],
        "metric": "mase",
        "value": [2.0, 1.0, 3.0, 4.0, None, 5.0],
    }
)
HISTORY = pl.DataFrame(
    {
        "model": ["gru"] * 3,
        "step": [30, 10, 20],
        "train_loss": [0.1, 9.0, 1.0],
        "valid_loss": [0.6, 8.0, 0.5],
        "gradient_norm": [0.5, 3.0, 1.0],
    }
)


def test_a_step_profile_runs_over_the_steps_in_order() -> None:
    figure = step_profile(STEPS, "mase", METRICS["mase"].label)
    assert {t.name: list(t.y) for t in figure.data} == {"a": [3.0, 4.0], "b": [1.0, 2.0], "c": [None, 5.0]}
    assert all(list(t.x) == [1, 2] for t in figure.data)


def test_highlighted_models_are_coloured_in_their_order_and_the_others_are_grey_under_one_name() -> None:
    figure = step_profile(STEPS, "mase", METRICS["mase"].label, ["b", "unknown"])
    assert [(t.meta, t.name, t.line.color) for t in figure.data] == [
        ("a", "other models", QUIET),
        ("c", "other models", QUIET),
        ("b", "b", colour(0)),
    ]
    assert [t.showlegend for t in figure.data] == [True, False, True]


def test_the_circle_marks_the_look_with_the_lowest_validation_loss() -> None:
    circle = next(t for t in loss_curves(HISTORY).data if t.mode == "markers")
    assert (list(circle.x), list(circle.y)) == ([20], [0.5])


def test_losses_over_two_decades_get_a_logarithmic_axis() -> None:
    flat = HISTORY.with_columns(train_loss=pl.lit(1.0), valid_loss=pl.lit(1.1))
    assert loss_curves(HISTORY).layout.yaxis.type == "log"
    assert loss_curves(flat).layout.yaxis.type == "linear"


def test_a_fit_without_inner_cutoffs_shows_its_training_loss_alone() -> None:
    figure = loss_curves(HISTORY.with_columns(valid_loss=pl.lit(None)))
    assert [list(t.y) for t in figure.data] == [[9.0, 1.0, 0.1], []]


def test_a_history_that_never_had_a_validation_loss_is_drawn_without_one() -> None:
    figure = loss_curves(HISTORY.drop("valid_loss"))
    assert list(figure.data[0].y) == [9.0, 1.0, 0.1]


def test_the_clipping_norm_is_a_line_and_named() -> None:
    figure = gradient_norms(HISTORY, clip_norm=1.0)
    assert [shape.y0 for shape in figure.layout.shapes] == [1.0]
    assert "clipped above 1" in figure.layout.title.text
    assert list(figure.data[0].y) == [3.0, 1.0, 0.5]
