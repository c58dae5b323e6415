from datetime import date

import numpy as np
import polars as pl
import pytest

from forecasting.errors import InputError
from forecasting.sources import SimulatedSource

SMALL = SimulatedSource(n_series=40, n_days=300, horizon_rows=14)


def test_the_default_panel_has_200_daily_series_over_3_years():
    frame = SimulatedSource().read()
    assert frame["unique_id"].n_unique() == 200
    assert frame.filter(pl.col("y").is_not_null()).height == 200 * 1095
    assert frame["store_type"].n_unique() == 4
    assert frame["ds"].min() == date(2021, 1, 4)


def test_future_rows_have_covariates_but_no_y():
    frame = SMALL.read()
    future = frame.group_by("unique_id").tail(14)
    assert future["y"].null_count() == 40 * 14
    assert frame["y"].null_count() == 40 * 14
    assert frame.select("price", "promotion", "store_type").null_count().row(0) == (0, 0, 0)


def test_the_seed_alone_makes_the_panel():
    assert SMALL.read().equals(SMALL.read())
    assert not SMALL.read().equals(SimulatedSource(seed=8, n_series=40, n_days=300, horizon_rows=14).read())


def test_y_is_the_truth_times_noise_of_mean_one():
    frame = SMALL.read().join(SMALL.truth(), on=["unique_id", "ds"]).drop_nulls("y")
    ratio = (frame["y"] / frame["truth"]).to_numpy()
    assert abs(ratio.mean() - 1.0) < 0.005
    assert abs(np.log(ratio).std() - 0.1) < 0.005
    assert SMALL.truth()["truth"].null_count() == 0


def test_a_promotion_lifts_the_truth_by_the_declared_factor():
    with_lift = SMALL.truth().join(SMALL.read(), on=["unique_id", "ds"])
    without = SimulatedSource(n_series=40, n_days=300, horizon_rows=14, lift=1.0).truth()
    ratio = with_lift["truth"] / without["truth"]
    assert np.allclose(ratio.to_numpy(), np.where(with_lift["promotion"].to_numpy() == 1, 1.6, 1.0))


def test_promotions_cannot_be_told_from_the_weekday_or_from_other_series():
    frame = SMALL.read()
    share = frame["promotion"].mean()
    assert 0.15 < share < 0.3
    by_weekday = frame.group_by(pl.col("ds").dt.weekday()).agg(pl.col("promotion").mean())["promotion"]
    assert (by_weekday - share).abs().max() < 0.03
    by_day = frame.group_by("ds").agg(pl.col("promotion").mean())["promotion"]
    assert by_day.max() < 0.5


def test_a_store_type_is_one_per_series_and_prices_are_positive():
    frame = SMALL.read()
    assert frame.group_by("unique_id").agg(pl.col("store_type").n_unique())["store_type"].max() == 1
    assert frame["price"].min() > 0


@pytest.mark.parametrize(
    "settings", [{"n_series": 0}, {"n_days": 0}, {"horizon_rows": -1}, {"seed": -1}, {"lift": 0.0}]
)
def test_sizes_that_make_no_panel_are_refused(settings: dict[str, float]):
    with pytest.raises(InputError, match=f"{next(iter(settings))} must be"):
        SimulatedSource(**settings)  # type: ignore[arg-type]
