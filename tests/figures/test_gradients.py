import polars as pl

from forecasting.figures.gradients import gradient_through_time, profile_frame

ROWS = {"start": {"profile": [1.0, 0.1, 1e-20], "stride": 24}, "kept": {"profile": [0.5, 1.0], "stride": 24}}


def test_each_profile_is_a_line_over_steps_of_the_series_and_what_vanished_is_left_out():
    figure = gradient_through_time(profile_frame(ROWS))
    assert {t.name: (list(t.x), list(t.y)) for t in figure.data} == {
        "start": ([0, 24], [1.0, 0.1]),
        "kept": ([0, 24], [0.5, 1.0]),
    }
    assert figure.layout.yaxis.type == "log"


def test_the_season_and_the_share_that_counts_as_forgotten_are_lines():
    shapes = gradient_through_time(profile_frame(ROWS), season_length=24).layout.shapes
    assert [(shape.x0, shape.y0) for shape in shapes] == [(0, 0.01), (24, 0)]
    assert len(gradient_through_time(profile_frame(ROWS), season_length=1).layout.shapes) == 1


def test_an_empty_profile_is_a_line_without_points():
    figure = gradient_through_time(profile_frame({"a": {"profile": [], "stride": 1}}))
    assert isinstance(profile_frame({"a": {"profile": [], "stride": 1}}), pl.DataFrame)
    assert len(figure.data) <= 1
