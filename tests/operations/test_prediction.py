from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from forecasting.errors import InputError, LimitError
from forecasting.forecasters.baselines.forecaster import LocalForecaster
from forecasting.forecasters.baselines.settings import BaselineSettings
from forecasting.forecasters.protocol import Task, no_progress
from forecasting.forecasters.recurrent.ensemble import EnsembleForecaster
from forecasting.forecasters.recurrent.settings import RecurrentSettings
from forecasting.forecasters.saved import state_digest
from forecasting.operations import prediction
from forecasting.operations.prediction import PredictionSettings, Request, forecast_parts
from forecasting.series.arrays.cutoffs import last_origins
from forecasting.series.arrays.dataset import Dataset
from forecasting.series.arrays.parts import BLOCK, parts_of
from forecasting.series.arrays.series_arrays import Reading
from forecasting.series.table.store import SeriesStore
from forecasting.training.settings import TrainingSettings
from tests.series.table.test_store import NOBODY

H, TASK = 4, Task(4, (0.1, 0.5, 0.9), 7)
READING = Reading(freq="1d", horizon=H, season_length=7, align="calendar")


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Three blocks of daily series; the last block begins 10 days later, and its last series is constant."""
    folder, n, length = tmp_path_factory.mktemp("data"), 3 * BLOCK, 40
    y = np.random.default_rng(2).standard_normal((n, length)).cumsum(axis=1)
    y[-1] = 3.0
    days = pl.date_range(pl.date(2024, 1, 1), pl.date(2024, 2, 9), eager=True)
    ids = pl.Series([f"s{i:04d}" for i in range(n)])
    where = {"unique_id": ids.gather(np.repeat(np.arange(n), length)), "ds": days.gather(np.tile(np.arange(length), n))}
    rows = pl.DataFrame({**where, "y": y.ravel()})
    late = (pl.col("unique_id") >= f"s{2 * BLOCK:04d}") & (pl.col("ds") < pl.date(2024, 1, 11))
    SeriesStore(folder).publish(rows.filter(~late), NOBODY)
    return Dataset(folder, 0, READING, "")


@pytest.fixture(scope="module")
def network(dataset: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Request:
    folder, arrays = tmp_path_factory.mktemp("network"), parts_of(dataset, rows=1).parts[0].arrays()
    training = TrainingSettings(max_steps=4, batch_size=16)
    settings = RecurrentSettings("gru", context_length=14, hidden_size=8, training=training)
    forecaster = EnsembleForecaster.untrained(settings, TASK, 3, "cpu")
    forecaster.fit(
        arrays, last_origins(arrays, "calendar"), last_origins(arrays, "calendar").take(slice(0)), no_progress
    )
    forecaster.save(folder)
    return Request(folder, state_digest(folder), PredictionSettings(), "gru")


@pytest.fixture
def naive(tmp_path: Path) -> Request:
    LocalForecaster(BaselineSettings("naive"), TASK).save(tmp_path / "naive")
    return Request(tmp_path / "naive", state_digest(tmp_path / "naive"), PredictionSettings(), "naive")


def forecast(request: Request, dataset: Dataset, folder: Path, rows: int) -> list[prediction.ForecastFile]:
    folder.mkdir()
    return forecast_parts(request, parts_of(dataset, rows), folder, no_progress)


def test_a_forecast_has_the_same_bits_in_however_many_parts(dataset, network, tmp_path):
    whole = forecast(network, dataset, tmp_path / "whole", rows=1 << 20)
    parts = forecast(network, dataset, tmp_path / "parts", rows=1)
    assert (len(whole), len(parts)) == (1, 3)
    assert pl.concat([file.frame for file in parts]).equals(whole[0].frame)
    assert sum(file.n_fallback for file in parts) == whole[0].n_fallback == 1
    assert parts[2].fallbacks == whole[0].fallbacks
    assert "constant: all 30 observed values are equal" in parts[2].fallbacks[0][1]


@pytest.mark.slow
def test_processes_give_the_bytes_that_one_gives(dataset, network, tmp_path, monkeypatch):
    alone = forecast(network, dataset, tmp_path / "alone", rows=1)
    monkeypatch.setattr(prediction, "_START_SECONDS", -1.0)
    shared = forecast(replace(network, workers=2), dataset, tmp_path / "shared", rows=1)
    assert [file.path.read_bytes() for file in shared] == [file.path.read_bytes() for file in alone]


def test_processes_are_started_only_for_a_network_with_much_left_to_do(network, naive):
    several = replace(network, workers=4)
    assert prediction._workers(several, expected_seconds=1000.0, n_jobs=3) == 3
    assert prediction._workers(several, expected_seconds=1.0, n_jobs=3) == 1
    assert prediction._workers(replace(several, device="cuda"), expected_seconds=1000.0, n_jobs=3) == 1
    assert prediction._workers(replace(naive, workers=4), expected_seconds=1000.0, n_jobs=3) == 1


def test_progress_counts_series_up_to_all_of_them(dataset, naive, tmp_path):
    seen: list[tuple[int, int]] = []
    forecast_parts(naive, parts_of(dataset, rows=1), tmp_path, lambda done, total, text: seen.append((done, total)))
    assert {total for _, total in seen} == {3 * BLOCK}
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert seen[-1][0] == 3 * BLOCK


def test_an_origin_that_only_some_parts_have_is_forecast_for_these(dataset, naive, tmp_path):
    files = forecast(replace(naive, origin="2024-01-05"), dataset, tmp_path / "early", rows=1)
    assert sum(file.n_series for file in files) == 2 * BLOCK
    assert {str(cutoff) for file in files for cutoff in file.cutoffs} == {"2024-01-05"}


def test_an_origin_that_no_series_has_is_refused_with_the_range_of_all(dataset, naive, tmp_path):
    with pytest.raises(InputError, match="got 2023-12-31: choose one from 2024-01-01 to 2024-02-09"):
        forecast(replace(naive, origin="2023-12-31"), dataset, tmp_path / "none", rows=1)


def test_too_many_fallbacks_are_counted_over_all_parts(dataset, network, tmp_path):
    strict = replace(network, settings=PredictionSettings(max_fallback=0.0))
    with pytest.raises(LimitError, match=f"may fall back, got 1 of {3 * BLOCK}"):
        forecast(strict, dataset, tmp_path / "strict", rows=1)


def test_rows_without_lineage_name_their_model(dataset, naive, tmp_path):
    frame = forecast(naive, dataset, tmp_path / "plain", rows=1 << 20)[0].frame
    last = dataset.frame().group_by("unique_id").agg(pl.col("y").last()).sort("unique_id")
    assert frame["model"].unique().to_list() == ["naive"]
    assert_frame_equal(frame.filter(pl.col("step") == H).select("unique_id", y="y_hat"), last)
