"""Forecasts that were made before are found again, and no others."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from forecasting.forecasters.baselines import cache
from forecasting.forecasters.baselines.cache import ForecastCache
from forecasting.forecasters.baselines.forecaster import LocalForecaster
from forecasting.forecasters.baselines.settings import BaselineSettings
from forecasting.forecasters.baselines.table import BASELINES
from forecasting.forecasters.protocol import Forecast, Task, no_progress
from forecasting.series.arrays.series_arrays import FloatArray, Origins, SeriesArrays
from tests.forecasters.panels import last_origins, panel

TASK = Task(horizon=3, quantile_levels=(0.1, 0.5, 0.9), season_length=4)


def walks(lengths: list[int]) -> SeriesArrays:
    """Series s is the beginning of the same walk whatever its length."""
    made = {f"s{s}": 20 + np.cumsum(np.random.default_rng(s).normal(size=99))[:n] for s, n in enumerate(lengths)}
    return panel(made, TASK.horizon)


class Fitting:
    """Counts the fits of each baseline."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.histories: list[tuple[str, int]] = []
        for kind in ("ets", "theta", "arima", "naive2"):
            row = BASELINES[kind]
            monkeypatch.setitem(BASELINES, kind, replace(row, forecast=self.counted(kind, row.forecast)))

    def counted(self, kind: str, forecast: object) -> object:
        def count(y: FloatArray, task: Task, engine: object) -> object:
            self.histories.append((kind, len(y)))
            return forecast(y, task, engine)  # type: ignore[operator]

        return count


@pytest.fixture
def fitting(monkeypatch: pytest.MonkeyPatch) -> Fitting:
    return Fitting(monkeypatch)


def forecast(kind: str, arrays: SeriesArrays, origins: Origins, folder: Path, **settings: object) -> Forecast:
    made = BaselineSettings(kind, **settings)  # type: ignore[arg-type]
    return LocalForecaster(made, TASK, 1, folder).forecast(arrays, origins, no_progress)


def test_a_second_run_on_the_same_data_fits_nothing_and_gives_the_same_bytes(fitting: Fitting, tmp_path: Path) -> None:
    arrays = walks([30, 40])
    origins = last_origins(arrays, back=(5, 0))

    first = forecast("theta", arrays, origins, tmp_path)
    assert len(fitting.histories) == 4
    second = forecast("theta", arrays, origins, tmp_path)

    assert len(fitting.histories) == 4
    assert first.quantiles.tobytes() == second.quantiles.tobytes()
    assert first.y_hat.tobytes() == second.y_hat.tobytes()
    assert first.seconds == second.seconds  # what it cost when it was fitted


def test_new_data_at_the_end_fits_only_the_new_cutoffs(fitting: Fitting, tmp_path: Path) -> None:
    before, after = walks([30, 40]), walks([36, 40])
    forecast("theta", before, last_origins(before, back=(6, 0)), tmp_path)
    fitting.histories.clear()

    forecast("theta", after, last_origins(after, back=(6, 0)), tmp_path)

    assert fitting.histories == [("theta", 36)]


def test_other_settings_are_another_cache_but_a_name_and_a_cap_are_not(fitting: Fitting, tmp_path: Path) -> None:
    arrays = walks([30])
    origins = last_origins(arrays)
    forecast("theta", arrays, origins, tmp_path)

    forecast("theta", arrays, origins, tmp_path, name="mine", max_seconds=5.0)
    assert len(fitting.histories) == 1
    forecast("theta", arrays, origins, tmp_path, max_history=20)
    forecast("theta", arrays, origins, tmp_path, engine="statsmodels")
    assert len(fitting.histories) == 3


def test_the_combination_takes_what_its_members_have_fitted(fitting: Fitting, tmp_path: Path) -> None:
    arrays = walks([30, 40])
    origins = last_origins(arrays)
    apart = [forecast(kind, arrays, origins, tmp_path) for kind in ("ets", "theta", "arima")]
    fitted = len(fitting.histories)

    together = forecast("combination", arrays, origins, tmp_path)

    assert len(fitting.histories) == fitted == 6
    np.testing.assert_array_equal(together.y_hat, np.median([f.y_hat for f in apart], axis=0))


def test_reasons_are_remembered_but_not_those_of_the_clock(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    arrays, reasons = walks([30]), iter(["theta: no fit", None])
    monkeypatch.setattr("forecasting.forecasters.baselines.parallel.attempt", lambda *_: next(reasons))
    first, again = (forecast("theta", arrays, last_origins(arrays), tmp_path) for _ in range(2))
    assert first.failed.tolist() == again.failed.tolist() == ["theta: no fit"]

    stopped = iter(["ets: passed the cap of 1 seconds: set baselines.max_seconds", "ets: no fit"])
    monkeypatch.setattr("forecasting.forecasters.baselines.parallel.attempt", lambda *_: next(stopped))
    first, again = (forecast("ets", arrays, last_origins(arrays), tmp_path) for _ in range(2))
    assert "passed the cap" in first.failed[0]
    assert again.failed.tolist() == ["ets: no fit"]


def test_an_interrupted_call_leaves_what_it_had_fitted(
    monkeypatch: pytest.MonkeyPatch, fitting: Fitting, tmp_path: Path
) -> None:
    arrays = walks([30, 31, 32])

    def stop(done: int, total: int, text: str) -> None:
        if done == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr("forecasting.forecasters.baselines.parallel._CHUNKS_PER_WORKER", 3)
    with pytest.raises(KeyboardInterrupt):
        LocalForecaster(BaselineSettings("theta"), TASK, 1, tmp_path).forecast(arrays, last_origins(arrays), stop)
    fitting.histories.clear()
    forecast("theta", arrays, last_origins(arrays), tmp_path)

    assert fitting.histories == [("theta", 31), ("theta", 32)]


def test_the_oldest_files_go_when_there_are_too_many(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(cache, "_MOST_FILES", 3)
    kept = ForecastCache(tmp_path, BaselineSettings("theta"), TASK)
    histories = [np.full(5, float(i)) for i in range(6)]

    for history in histories:
        kept.keep([history], [((np.zeros(3), np.zeros((3, 3))), 0.1)])

    assert len(list(tmp_path.rglob("*.npz"))) == 3
    assert kept.find(histories)[-1] is not None
    assert kept.find(histories)[0] is None
    assert not list(tmp_path.rglob(".*"))


def test_without_a_folder_nothing_is_remembered() -> None:
    nothing = ForecastCache(None, BaselineSettings("theta"), TASK)
    nothing.keep([np.zeros(3)], [("theta: no fit", 0.1)])

    assert nothing.find([np.zeros(3)]) == [None]
    assert LocalForecaster(BaselineSettings("theta"), TASK).cache is None
