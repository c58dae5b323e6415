"""The benchmark of accuracy: its configs, its formulas by hand, and the command itself on small sets in the same layout."""

import json
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from forecasting.config import load_config
from tests.benchmarks import accuracy
from tests.benchmarks.accuracy import CONFIGS, Outcome, Row, main, markdown, median_of
from tests.benchmarks.public_sets import SETS, PublicSet, scores_of


@pytest.mark.parametrize("name", SETS)
def test_every_set_has_a_config_that_leaves_the_rest_to_the_defaults(name):
    config = load_config(CONFIGS / f"{name}.yaml", ["data.source.path=elsewhere/*.parquet"])
    public = SETS[name]
    assert (config.name, config.task.horizon, config.data.season_length) == (name, public.horizon, public.season_length)
    asked = config.model_fields_set - {"baselines", "evaluation", "blends"}
    assert asked == {"name", "data", "task"}
    assert config.blends == "auto"
    assert sorted(CONFIGS.glob("*.yaml")) == sorted(CONFIGS / f"{known}.yaml" for known in SETS)


TRAIN = pl.DataFrame(
    {"unique_id": ["a"] * 4 + ["b"] * 3, "ds": [1, 2, 3, 4, 1, 2, 3], "y": [1.0, 2.0, 4.0, 3.0, 10.0, 10.0, 30.0]}
)
TEST = pl.DataFrame({"unique_id": ["a", "a", "b"], "ds": [5, 6, 4], "y": [5.0, 5.0, 20.0]})
ONES = ((1.0,),) * 3


def test_scores_of_a_hold_out_by_hand():
    public = PublicSet(1, 2, ("owa", "smape", "mase"), *ONES, naive2=(10.0, 2.0))
    forecasts = TEST.select("unique_id", "ds", y_hat=pl.Series([3.0, 5.0, 30.0]))
    smape = ((200 * 2 / 8 + 0) / 2 + 200 * 10 / 50) / 2  # the mean of each series counts alike
    mase = (1.0 / (4 / 3) + 10.0 / 10.0) / 2  # changes of 1, 2, 1 and of 0, 20
    expected = {"owa": (smape / 10 + mase / 2) / 2, "smape": smape, "mase": mase}
    assert scores_of(public, TRAIN, TEST, forecasts) == pytest.approx(expected)


def test_a_missing_or_doubled_forecast_is_no_score():
    public = PublicSet(1, 2, ("smape",), *ONES)
    forecasts = TEST.select("unique_id", "ds", y_hat=pl.Series([3.0, None, 30.0]))
    doubled = pl.concat([forecasts.head(1), forecasts])
    for wrong in (forecasts, forecasts.head(1), doubled):
        with pytest.raises(ValueError, match="every forecast must be there once"):
            scores_of(public, TRAIN, TEST, wrong)


def test_scores_of_a_rolling_set_count_official_origins_alone_and_are_standardised():
    train = pl.DataFrame({"unique_id": "a", "ds": [1, 2, 3], "y": [0.0, 0.0, 6.0]})  # standard deviation sqrt(8)
    test = pl.DataFrame({"unique_id": "a", "ds": [4, 5, 6, 7], "y": [1.0, 2.0, 3.0, 4.0]})
    rows = [(cutoff, cutoff + step) for cutoff in (2, 3, 4, 5) for step in (1, 2)]  # 2 and 4 are not asked for
    forecasts = pl.DataFrame(
        {"unique_id": "a", "cutoff": [c for c, _ in rows], "ds": [d for _, d in rows], "y_hat": [0.0] * 8}
    )
    public = PublicSet(1, 2, ("mse", "mae"), *ONES, stride=2, standardised=True)
    expected = {"mse": (1 + 4 + 9 + 16) / 4 / 8, "mae": (1 + 2 + 3 + 4) / 4 / 8**0.5}
    assert scores_of(public, train, test, forecasts) == pytest.approx(expected)


def test_several_seeds_give_medians_and_what_most_of_them_chose():
    def outcome(smape: float, *, chosen: bool, seconds: float) -> Outcome:
        row = Row("net", "network", chosen, {"smape": smape, "mase": smape / 10}, seconds, 1.0)
        return Outcome([row], "net" if chosen else "ets", seconds, {"train": seconds})

    made = median_of(
        [
            outcome(12.0, chosen=True, seconds=5.0),
            outcome(10.0, chosen=True, seconds=9.0),
            outcome(20.0, chosen=False, seconds=1.0),
        ]
    )
    assert made.rows == [Row("net", "network", True, {"smape": 12.0, "mase": 1.2}, 9.0, 1.0)]
    assert (made.candidate, made.seconds, made.seconds_of) == ("net", 9.0, {"train": 9.0})
    page = markdown({"cif2016": (made, None)}, [1, 2, 3])
    assert "| cif2016 | smape / mase | =12.000 / 1.200 | - | - | 12.960 / 0.962 |" in page


def seasonal(n: int, period: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return 50 + seed + 10 * np.sin(2 * np.pi * np.arange(n) / period) + rng.normal(0, 1, n)


def write(folder: Path, name: str, series: list[pl.DataFrame], n_test: list[int]) -> None:
    """A set in two files, the last rows of each series apart; training rows carry a column more."""
    train = pl.concat([one.head(-n) for one, n in zip(series, n_test, strict=True)])
    train.with_columns(y_raw=pl.col("y")).write_parquet(folder / f"{name}.parquet")
    pl.concat([one.tail(n) for one, n in zip(series, n_test, strict=True)]).write_parquet(
        folder / f"{name}_test.parquet"
    )


def months(number: int, n: int) -> pl.DataFrame:
    ds = pl.Series(np.arange(number, number + n), dtype=pl.Int32)
    return pl.DataFrame({"unique_id": f"s{number}", "ds": ds, "y": seasonal(n, 12, number)})


def hours(number: int, n: int) -> pl.DataFrame:
    rng = np.random.default_rng(9)
    known = rng.normal(0, 5, (n, 2))
    return pl.DataFrame(
        {
            "unique_id": f"s{number}",
            "ds": [datetime(2020, 1, 1) + timedelta(hours=i) for i in range(n)],
            "y": seasonal(n, 24, number) + known.sum(axis=1),
            "exog_1": known[:, 0],
            "exog_2": known[:, 1],
        }
    )


SMALL = [
    "--workers=1",
    "--set=baselines=[seasonal_naive]",
    "--set=blends=auto",
    "--set=forecasters=[{name: net, hidden_size: 8, context_length: 24, training: {max_steps: 60, batch_size: 32, learning_rate: 0.01}}]",
]


def last_line(text: str) -> dict:
    return json.loads(text.strip().splitlines()[-1])["scores"]


@pytest.mark.slow
def test_short_and_long_horizons_of_one_hold_out_are_scored_on_what_there_is(tmp_path, capsys):
    lengths = [12, 6, 12, 6, 12, 12]
    write(tmp_path, "cif2016", [months(i, 80 + i) for i in range(6)], lengths)
    main(["cif2016", "--data", str(tmp_path), "--workspace", str(tmp_path / "w"), "--seed", "1", "2", *SMALL])
    said = capsys.readouterr().out
    told = last_line(said)["cif2016"]
    assert set(told["models"]) == {"net", "blend", "seasonal_naive"}
    assert "DeepAR, Monash" in said
    forecasts = pl.read_parquet(tmp_path / "w" / "whole" / "cif2016" / "forecasts.parquet")
    cutoffs = forecasts.select("unique_id", "cutoff").unique().sort("unique_id")["cutoff"].to_list()
    assert cutoffs == [i + 80 + i - n - 1 for i, n in enumerate(lengths)]  # the last of what may be learnt from
    errors = []
    for i, n in enumerate(lengths):
        y = seasonal(80 + i, 12, i)
        f = np.tile(y[-n - 12 : -n], 2)[:n]
        errors.append(np.mean(200 * np.abs(y[-n:] - f) / (np.abs(y[-n:]) + np.abs(f))))
    assert told["models"]["seasonal_naive"]["smape"] == pytest.approx(np.mean(errors))


@pytest.mark.slow
def test_without_its_covariates_a_set_that_needs_them_is_forecast_worse(tmp_path, capsys):
    write(tmp_path, "epf_np", [hours(0, 24 * 60)], [24 * 8])
    main(["epf_np", "--data", str(tmp_path), "--workspace", str(tmp_path / "w"), *SMALL])
    told = last_line(capsys.readouterr().out)["epf_np"]
    assert told["models"]["net"]["mae"] < 0.8 * told["without_covariates"]["net"]["mae"]
    forecasts = pl.read_parquet(tmp_path / "w" / "whole" / "epf_np" / "forecasts.parquet")
    cutoffs = forecasts["cutoff"].unique().sort()
    assert len(cutoffs) == 8
    assert set(cutoffs.dt.hour()) == {23}  # the hour before midnight is the last one known


@pytest.mark.slow
def test_every_hour_is_an_origin_where_the_set_asks_for_it_and_all_sets_make_one_table(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(accuracy, "SETS", {name: SETS[name] for name in ("etth1", "tourism_quarterly")})
    write(tmp_path, "etth1", [hours(i, 24 * 40).select("unique_id", "ds", "y") for i in range(2)], [100, 100])
    write(tmp_path, "tourism_quarterly", [months(i, 40) for i in range(4)], [8] * 4)
    main(["all", "--data", str(tmp_path), *SMALL[:3], "--set=forecasters=[]"])
    said = capsys.readouterr().out
    assert set(last_line(said)) == {"etth1", "tourism_quarterly"}
    assert [line[:10] for line in said.splitlines() if line.startswith("| etth1")] == ["| etth1 | "]
    assert 0 < last_line(said)["etth1"]["models"]["seasonal_naive"]["mse"] < 3
