import polars as pl
import pytest
from polars.testing import assert_frame_equal

from forecasting.errors import InputError
from forecasting.evaluation.metrics import METRICS, primary
from forecasting.evaluation.scoring import score, step_scores
from tests.evaluation.conftest import forecast_rows, make_arrays, origins_at

SERIES = {"a": [1, 2, 3, 5, 8], "flat": [7, 7, 7, 7, 9]}  # in-sample scale (m = 1) at ds 2: 1 and 0


def arrays_and_origins():
    arrays = make_arrays(SERIES, horizon=2)
    return arrays, origins_at(arrays, ("a", 2), ("flat", 2))


def two_models() -> pl.DataFrame:
    point = {"q50": [4, 4]}
    return pl.concat(
        [
            forecast_rows("second", "flat", 2, [7, 7], {"q50": [7, 7]}),
            forecast_rows("second", "a", 2, [5, 8], {"q50": [5, 8]}),
            forecast_rows("first", "a", 2, [4, 4], point),
            forecast_rows("first", "flat", 2, [8, 8], {"q50": [8, 8]}),
        ]
    )


def test_each_origin_and_metric_gets_one_row_in_the_order_of_the_key() -> None:
    scores = score(two_models(), *arrays_and_origins(), 1, ["mase", "mae"])
    reason = "the in-sample seasonal naive error is zero (constant series)"
    assert scores.select("model", "unique_id", "metric", "value", "reason").rows() == [
        ("first", "a", "mase", 2.5, None),
        ("first", "a", "mae", 2.5, None),
        ("first", "flat", "mase", None, reason),
        ("first", "flat", "mae", 1.0, None),
        ("second", "a", "mase", 0.0, None),
        ("second", "a", "mae", 0.0, None),
        ("second", "flat", "mase", None, reason),
        ("second", "flat", "mae", 1.0, None),
    ]
    assert scores["run_id"].unique().to_list() == ["run"]
    assert scores["cutoff"].dtype == pl.Int64


def test_a_step_score_is_taken_over_all_origins_whose_own_score_is_defined() -> None:
    steps = step_scores(two_models().filter(pl.col("model") == "first"), *arrays_and_origins(), 1, ["mase", "mae"])
    assert steps.select("step", "metric", "value").rows() == [
        (1, "mase", 1.0),
        (1, "mae", 1.0),
        (2, "mase", 4.0),
        (2, "mae", 2.5),
    ]


def test_a_step_that_nobody_observed_has_no_score() -> None:
    arrays = make_arrays({"a": [1, 2, 3, 5]}, horizon=2)
    steps = step_scores(
        forecast_rows("m", "a", 2, [4, 4], {"q50": [4, 4]}), arrays, origins_at(arrays, ("a", 2)), 1, ["mae"]
    )
    assert steps["value"].to_list() == [1.0, None]


def test_the_order_of_rows_changes_nothing() -> None:
    shuffled = two_models().sample(fraction=1.0, shuffle=True, seed=3)
    for table in (score, step_scores):
        expected = table(two_models(), *arrays_and_origins(), 1, list(METRICS))
        assert_frame_equal(table(shuffled, *arrays_and_origins(), 1, list(METRICS)), expected)


def test_the_scale_of_mase_knows_nothing_after_the_cutoff() -> None:
    later = make_arrays({"a": [1, 2, 3, 500, 800], "flat": SERIES["flat"]}, horizon=2)
    frame = forecast_rows("m", "a", 2, [500, 801], {"q50": [500, 801]})
    scores = score(frame, later, origins_at(later, ("a", 2)), 1, ["mase"])
    assert scores["value"].to_list() == [0.5]


def test_no_forecast_gives_an_empty_table() -> None:
    arrays, origins = arrays_and_origins()
    assert score(two_models().clear(), arrays, origins, 1, ["mae"]).is_empty()
    assert step_scores(two_models().clear(), arrays, origins, 1, ["mae"]).is_empty()


def test_a_forecast_without_an_origin_or_with_a_step_missing_is_refused() -> None:
    arrays, origins = arrays_and_origins()
    with pytest.raises(ValueError, match="every forecast must have an origin"):
        score(two_models(), arrays, origins.take(slice(0, 1)), 1, ["mae"])
    with pytest.raises(ValueError, match="steps 1 to 2"):
        score(two_models()[1:], arrays, origins, 1, ["mae"])


def test_a_metric_that_cannot_rank_is_refused_as_primary() -> None:
    assert primary("mase").label.name == "MASE"
    with pytest.raises(InputError, match="lower is better, got 'coverage'"):
        primary("coverage")
    with pytest.raises(InputError, match="must be one of"):
        primary("rmsee")
