"""Ensembles: members differ, their median is the forecast, and a saved one is the same one."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from forecasting.errors import InputError
from forecasting.forecasters.protocol import Task, no_progress
from forecasting.forecasters.recurrent.ensemble import EnsembleForecaster, members_of
from forecasting.forecasters.recurrent.settings import RecurrentSettings
from forecasting.forecasters.saved import load_forecaster
from forecasting.series.arrays.as_of import as_of
from forecasting.series.arrays.series_arrays import Origins
from forecasting.training.settings import TrainingSettings
from tests.forecasters.panels import last_origins, panel

H = 4
TASK = Task(H, (0.1, 0.5, 0.9), 12)
NONE = Origins(*[np.zeros(0, dtype=np.int64)] * 3)
SETTINGS = RecurrentSettings(
    name="net", context_lengths=[6, 12], n_seeds=2, hidden_size=6, training=TrainingSettings(max_steps=4, batch_size=16)
)


def noisy(n_series: int, length: int = 60) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(3)
    t = np.arange(length)
    return {
        f"s{k:03d}": 20 + np.sin(t * np.pi / 6) * (1 + k % 5) + rng.standard_normal(length) for k in range(n_series)
    }


def fitted(n_series: int = 6, settings: RecurrentSettings = SETTINGS, inner: bool = False) -> tuple:
    arrays = panel(noisy(n_series), H)
    until, before = last_origins(arrays, (H,)), last_origins(arrays, (2 * H,))
    forecaster = EnsembleForecaster.untrained(settings, TASK, 5, "cpu")
    report = forecaster.fit(as_of(arrays, until), until, before if inner else NONE, no_progress)
    return forecaster, report, arrays, until


def test_a_member_for_each_seed_and_context():
    members = members_of(SETTINGS, seed=5)
    assert [m.settings.context_length for m in members] == [6, 12, 6, 12]
    assert len({m.seed for m in members}) == 2
    assert members[0].seed == 5
    assert all(m.settings.n_seeds == 1 and not m.settings.context_lengths for m in members)


def test_the_forecast_is_the_median_of_the_members():
    forecaster, report, arrays, until = fitted()
    told = forecaster.forecast(arrays, until, no_progress)
    members = [member.forecast(arrays, until, no_progress) for member in forecaster.members]
    assert not np.array_equal(members[0].y_hat, members[2].y_hat)  # another seed
    np.testing.assert_array_equal(told.quantiles, np.median([m.quantiles for m in members], axis=0))
    np.testing.assert_array_equal(told.y_hat, np.median([m.y_hat for m in members], axis=0))
    assert report.notes["n_members"] == 4


def test_an_origin_that_some_members_cannot_serve_is_served_by_the_others():
    forecaster, _, arrays, until = fitted()
    forecaster.members[0].resolved = replace(forecaster.members[0].resolved, min_history=1000)
    told = forecaster.forecast(arrays, until, no_progress)
    rest = [member.forecast(arrays, until, no_progress).quantiles for member in forecaster.members[1:]]
    np.testing.assert_array_equal(told.quantiles, np.median(rest, axis=0))
    for member in forecaster.members:
        member.resolved = replace(member.resolved, min_history=1000)
    assert "too short" in forecaster.forecast(arrays, until, no_progress).failed[0]


def test_saved_and_loaded_it_is_the_same_with_its_calibration(tmp_path: Path):
    forecaster, report, arrays, until = fitted(n_series=45, inner=True)
    assert report.notes["calibration_residuals"] == 45
    forecaster.save(tmp_path)
    loaded = load_forecaster(tmp_path)
    before, after = (f.forecast(arrays, until, no_progress) for f in (forecaster, loaded))
    np.testing.assert_array_equal(before.quantiles, after.quantiles)
    assert loaded.settings == SETTINGS
    assert loaded.calibration is not None


def test_calibration_moves_the_outer_quantiles_alone_and_can_be_left_out():
    with_it, _, arrays, until = fitted(45, inner=True)
    without, report, _, _ = fitted(45, replace(SETTINGS, calibrate=False), inner=True)
    assert report.notes["calibration_residuals"] == 0
    a, b = (f.forecast(arrays, until, no_progress) for f in (with_it, without))
    np.testing.assert_array_equal(a.y_hat, b.y_hat)
    np.testing.assert_array_equal(a.quantiles[..., 1], b.quantiles[..., 1])
    assert not np.array_equal(a.quantiles[..., 0], b.quantiles[..., 0])
    assert (np.diff(a.quantiles, axis=-1) >= 0).all()


def test_paths_come_from_all_members():
    settings = replace(SETTINGS, head="normal", loss=None)
    forecaster, _, arrays, until = fitted(settings=settings)
    paths, usable = forecaster.sample_paths(arrays, until, 6, no_progress)
    assert paths.shape == (len(until), H, 6)
    assert usable.all()
    assert len(np.unique(paths[0, 0])) == 6


def test_one_context_and_several_exclude_each_other():
    with pytest.raises(InputError, match="exclude each other"):
        RecurrentSettings(name="net", context_length=6, context_lengths=[6, 12])
    with pytest.raises(InputError, match="context_lengths must be at least 1"):
        RecurrentSettings(name="net", context_lengths=[0])
