from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from forecasting.errors import InputError
from forecasting.evaluation.scoring import score
from forecasting.evaluation.slices import origin_groups, origin_slices, slices_for, step_slices
from tests.evaluation.conftest import forecast_rows, make_arrays, origins_at

SERIES = {"a": [1, 3, 2, 4, 4], "b": [10, 10, 10, 10, 30, 10], "c": [5, 5, 5, 5, 5]}


def dated():
    """Three series from Monday, 2024-01-01 on, with a category and a weight each."""
    arrays = make_arrays(SERIES, horizon=2)
    days = pl.Series("ds", np.datetime64("2024-01-01") + arrays.ds.to_numpy(), dtype=pl.Date)
    static = {
        "static_categories": np.array([["x"], ["y"], [""]], dtype=object),
        "static_numeric": np.array([[1.0], [3.0], [0.0]]),
    }
    names = {**arrays.names, "static_categories": ["shop"], "static_numeric": ["size"]}
    return replace(arrays, ds=days, names=names, **static), origins_at(arrays, ("a", 2), ("b", 3), ("c", 2))


def rows_of() -> pl.DataFrame:
    made = [
        forecast_rows("m", "a", 2, [3, 3], {"q50": [3, 3]}),
        forecast_rows("m", "b", 3, [10, 10], {"q50": [10, 10]}),
        forecast_rows("m", "c", 2, [9, 5], {"q50": [9, 5]}),
    ]
    start = pl.lit(np.datetime64("2024-01-01")).cast(pl.Date)
    frame = pl.concat(made)
    return frame.with_columns(
        (start + pl.duration(days=pl.col(name))).cast(pl.Date).alias(name) for name in ("cutoff", "ds")
    )


def table(slices: list[str], weights: str | None = None, metric: str = "mae") -> dict[tuple[str, str], tuple]:
    arrays, origins = dated()
    scores = score(rows_of(), arrays, origins, 1, [metric])
    found = origin_slices(scores.lazy(), origin_groups(arrays, origins, slices, weights))
    return {(r["slice"], r["group"]): (r["mean"], r["median"], r["weighted"], r["n"]) for r in found.to_dicts()}


def test_the_mean_median_and_weighted_mean_of_all_are_computed_by_hand() -> None:
    # mae 1 (y 4, 4 against 3, 3), 10 (30, 10 against 10, 10), 2 (5, 5 against 9, 5); mean |y| up to the cutoff 2, 10, 5
    assert table([])["all", "all"] == pytest.approx((13 / 3, 2.0, (1 * 2 + 10 * 10 + 2 * 5) / 17, 3))


def test_a_static_covariate_can_be_the_weight() -> None:
    assert table([], weights="size")["all", "all"][2] == pytest.approx((1 * 1 + 10 * 3 + 2 * 0) / 4)
    with pytest.raises(InputError, match=r"evaluation\.weights must be one of size"):
        table([], weights="shop")


def test_scores_are_grouped_by_cutoff_by_history_and_by_category() -> None:
    found = table(["history_length", "shop"])
    assert found["cutoff", "2024-01-03"][0] == pytest.approx(1.5)
    assert found["shop", "y"][0] == 10.0
    assert found["shop", "unknown"][0] == 2.0
    assert (found["history_length", "1: 3 to 3"][0], found["history_length", "2: 4 to 4"][0]) == (1.5, 10.0)


def test_undefined_values_do_not_count() -> None:
    assert table([], metric="mase")["all", "all"][3] == 1  # b and c do not vary up to their cutoffs


def test_errors_are_grouped_by_the_weekday_and_the_holidays_of_the_target() -> None:
    arrays, origins = dated()
    found = step_slices(rows_of(), arrays, origins, 1, "mae", ["weekday"], None, None)
    # a and c are forecast for Thursday and Friday, b for Friday and Saturday.
    assert dict(found.select("group", "mean").rows()) == pytest.approx(
        {"4 Thu": (1 + 4) / 2, "5 Fri": (1 + 20 + 0) / 3, "6 Sat": 0.0}
    )
    epiphany = step_slices(rows_of(), arrays, origins, 1, "mae", ["holiday"], "AT", None)  # 2024-01-06, a Saturday
    assert dict(epiphany.select("group", "n").rows()) == {"holiday": 1, "other day": 3}


def test_slices_that_apply_are_made_unless_others_are_asked_for() -> None:
    arrays, _ = dated()
    assert slices_for(arrays, None, None) == ("history_length", "shop", "weekday")
    assert slices_for(arrays, None, "AT") == ("history_length", "shop", "weekday", "holiday")
    assert slices_for(arrays, [], None) == ()
    assert slices_for(make_arrays(SERIES, 2), None, None) == ("history_length",)
    with pytest.raises(InputError, match="a slice must be one of history_length, shop, weekday"):
        slices_for(arrays, ["colour"], None)
    with pytest.raises(InputError, match="the slice holiday needs a country"):
        slices_for(arrays, ["holiday"], None)
