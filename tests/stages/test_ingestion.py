"""The account of an ingest as a user meets it: what is set aside, what is published, and what has changed since."""

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from mlflow import MlflowClient

from forecasting.config import Config, parse_config
from forecasting.errors import InputError, LimitError
from forecasting.forecasters.saved import state_digest
from forecasting.schema import IngestSummary, PredictSummary, Served
from forecasting.series.table.store import SeriesStore
from forecasting.stages.champion import point_to
from forecasting.stages.ingest import ingest, ingest_dry
from forecasting.stages.plan import plan_of
from forecasting.stages.run import run as run_stages
from tests.stages.chain import fitted

DAY0 = date(2024, 1, 1)


def config(folder: Path, **data: Any) -> Config:
    source = {"kind": "parquet", "path": str(folder / "data.parquet")}
    data = {"source": source, "freq": "1d", "season_length": 7} | data
    network = {"name": "tiny", "cell": "gru", "topology": "many_to_one", "hidden_size": 2, "context_length": 4}
    return parse_config(
        {
            "name": "t",
            "workspace": str(folder / "w"),
            "data": data,
            "task": {"horizon": 2},
            "forecasters": [network | {"training": {"max_steps": 2, "valid_every": 1}}],
            "baselines": ["naive"],
            "workers": 1,
            "prediction": {"max_fallback": 0.5},
        }
    )


def write(folder: Path, series: dict[str, list[float | None]], name: str = "data") -> None:
    rows = [(name, DAY0 + timedelta(days=i), y) for name, values in series.items() for i, y in enumerate(values)]
    frame = pl.DataFrame(rows, schema={"unique_id": pl.String, "ds": pl.Date, "y": pl.Float64}, orient="row")
    frame.write_parquet(folder / f"{name}.parquet")


def run(folder: Path, dry_run: bool = False, **data: Any) -> IngestSummary:
    plan = plan_of(config(folder, **data))
    return ingest_dry(plan) if dry_run else ingest(plan).summary


def store(folder: Path) -> SeriesStore:
    return SeriesStore(folder / "w" / "t")


def test_too_many_quarantined_series_publish_nothing_and_the_error_says_why(tmp_path: Path):
    write(tmp_path, {"a": [1.0, 2.0, 3.0], "b": [1.0, float("inf"), 2.0]})
    for dry_run in (True, False):
        with pytest.raises(LimitError, match=r"got 1 of 2 \(non_finite 1; 'b': 1 rows") as error:
            run(tmp_path, dry_run)
        assert error.value.exit_code == 4
        assert error.value.account[0]["reason"] == "non_finite"
    assert store(tmp_path).current() is None
    assert not list(tmp_path.rglob("w/**/*.parquet"))


def test_late_and_corrected_rows_make_a_version_that_says_what_changed_and_the_old_one_stays(tmp_path: Path):
    write(tmp_path, {"a": [1.0, 2.0, 3.0], "b": [4.0, 5.0, 6.0]})
    first = run(tmp_path)
    assert (first.version, first.changes) == (0, None)
    assert run(tmp_path).version == 0
    write(tmp_path, {"a": [1.0, 2.5, 3.0, 4.0], "c": [1.0, 2.0, 3.0]})
    dry = run(tmp_path, dry_run=True)
    second = run(tmp_path)
    assert dry.changes == second.changes
    assert second.changes.sentence == (
        "since version 0: 4 row(s) added, 1 changed, 3 removed, 1 series new, 1 series gone"
    )
    assert second.version == 1
    assert store(tmp_path).read(0).filter(pl.col("unique_id") == "a")["y"].to_list() == [1.0, 2.0, 3.0]


def test_the_quarantine_table_holds_what_was_set_aside_dropped_and_flagged(tmp_path: Path):
    write(tmp_path, {"a": [1.0, 2.0, 3.0], "b": [1.0, float("inf"), 2.0]})
    summary = run(tmp_path, quality={"max_quarantined": 0.5})
    rows = store(tmp_path).quarantine().select("dataset_version", "unique_id", "reason", "n_rows").rows()
    assert rows == [(0, "a", "short", 3), (0, "b", "non_finite", 3)]
    assert [(line.reason, line.effect, line.series) for line in summary.account] == [
        ("non_finite", "set aside", 1),
        ("short", "flagged", 1),
    ]


def test_hostile_ids_are_data_from_the_source_to_both_tables_and_never_a_path(tmp_path: Path):
    ids = ["../../up", "a/b", ".", "new\nline", "nul\0", "x" * 10_000, "", "'; DROP TABLE series; --", "日本"]
    write(tmp_path, {name: [1.0, 2.0, 3.0] for name in ids} | {f"{name}!": [None, None] for name in ids})
    summary = run(tmp_path, quality={"max_quarantined": 0.5})
    assert (summary.n_series, summary.n_quarantined) == (len(ids), len(ids))
    assert set(store(tmp_path).read()["unique_id"]) == set(ids)
    empty = store(tmp_path).quarantine().filter(pl.col("reason") == "no_values")["unique_id"]
    assert set(empty) == {f"{name}!" for name in ids}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data.parquet", "w"]


def test_a_second_source_brings_known_future_values(tmp_path: Path):
    write(tmp_path, {"a": [1.0, 2.0, 3.0]})
    write(tmp_path, {"a": [0.0, 0.0, 0.0, 1.0, 1.0]}, "future")
    path = tmp_path / "future.parquet"
    pl.read_parquet(path).rename({"y": "open"}).write_parquet(path)
    future = {"kind": "parquet", "path": str(path)}
    run(tmp_path, future=future, covariates={"known_future": ["open"]})
    frame = store(tmp_path).read()
    assert frame["open"].to_list() == [0.0, 0.0, 0.0, 1.0, 1.0]
    assert frame["y"].to_list() == [1.0, 2.0, 3.0, None, None]


def test_daily_steps_become_weeks_where_the_config_says_so(tmp_path: Path):
    write(tmp_path, {"a": [1.0] * 23})
    summary = run(tmp_path, freq="1w", aggregate="sum")
    assert store(tmp_path).read()["y"].to_list() == [7.0, 7.0, 7.0, None]
    assert summary.account[0].reason == "incomplete_period"


def test_other_future_values_are_another_input_even_where_the_history_stays(tmp_path: Path):
    write(tmp_path, {"a": [1.0, 2.0, 3.0]})
    future = {"kind": "parquet", "path": str(tmp_path / "future.parquet")}
    for value, version in ((1.0, 0), (1.0, 0), (2.0, 1)):
        write(tmp_path, {"a": [0.0, 0.0, 0.0, value]}, "future")
        pl.read_parquet(future["path"]).rename({"y": "open"}).write_parquet(future["path"])
        assert run(tmp_path, future=future, covariates={"known_future": ["open"]}).version == version


def with_prices(folder: Path, known: int) -> None:
    """Two series of 30 days with a price, of which `b` is known only so many days ahead; a promotion is known for both."""
    rows = [(name, DAY0 + timedelta(days=i), float(i % 7) if i < 30 else None) for name in "ab" for i in range(32)]
    frame = pl.DataFrame(rows, schema={"unique_id": pl.String, "ds": pl.Date, "y": pl.Float64}, orient="row")
    price = pl.when((pl.col("unique_id") == "a") | (pl.col("ds") < DAY0 + timedelta(days=30 + known))).then(2.0)
    frame.with_columns(price=price, promo=pl.lit(0.0)).write_parquet(folder / "data.parquet")


def test_a_covariate_that_is_not_known_ahead_is_an_error_or_dropped_and_recorded(tmp_path: Path):
    with_prices(tmp_path, known=1)
    covariates = {"known_future": ["price", "promo"]}
    with pytest.raises(
        InputError, match=r"price must be known .* 'b' after 2024-01-30 \(steps 2\).*missing_future to drop"
    ):
        run_stages(config(tmp_path, covariates=covariates), "window")
    dropping = config(tmp_path, covariates=covariates | {"missing_future": "drop"})
    done = run_stages(dropping, "ingest")
    summary = done.of(IngestSummary)
    assert summary.dropped_covariates == {"price": "not known over the horizon of 1 series"}
    assert ingest(plan_of(dropping)).dataset.arrays().names["known_future"] == ["promo"]
    record = MlflowClient(f"sqlite:///{tmp_path / 'w' / 'mlflow.db'}").get_run(done.mlflow_run_id)
    assert record.data.tags["forecasting.dropped_covariates"] == "price"
    assert record.data.tags["forecasting.data_digest"] == summary.digest


def test_a_champion_that_reads_a_covariate_leaves_the_series_without_it_to_the_fallback(tmp_path: Path):
    covariates = {"known_future": ["price", "promo"], "missing_future": "drop"}
    with_prices(tmp_path, known=2)
    before = config(tmp_path, covariates=covariates)
    done = fitted(before)
    state = done.trained.fitted["tiny"].folder / "state"
    served = {"model": "tiny", "kind": "recurrent", "version": "1", "digest": state_digest(state), "run_id": "r"}
    point_to(done.plan.paths, Served(**served, folder=str(state), evaluated=str(state), decision="promoted"))
    with_prices(tmp_path, known=1)
    summary = run_stages(before, "predict", {"dry_run": True}).of(PredictSummary)
    assert summary.fallbacks == {"b": "not known over the horizon: price; forecast by seasonal_naive"}
    assert (summary.n_series, summary.n_rows) == (2, 4)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"timezone": "Mars/Base"}, "time zone must be known, got 'Mars/Base'"),
        ({"quality": {"snap": 0.5}}, "snap must be a share below 0.5"),
        ({"aggregate": {"y": "sum", "min_share": 0.5}}, "a sum needs all steps"),
        ({"aggregate": "median"}, "data.aggregate"),
    ],
)
def test_settings_that_make_no_sense_are_refused_when_the_config_is_read(tmp_path: Path, data: dict, message: str):
    with pytest.raises(InputError, match=message):
        config(tmp_path, **data)
