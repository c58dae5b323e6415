"""A baseline behind the protocol: origins, reasons for failures, caps, chunks over processes, crashes."""

import contextlib
import json
import os
import signal
import threading
import time
from pathlib import Path

import numpy as np
import psutil
import pytest

from forecasting.forecasters.baselines import attempt, parallel
from forecasting.forecasters.baselines import forecaster as module
from forecasting.forecasters.baselines.attempt import attempt as attempt_at
from forecasting.forecasters.baselines.forecaster import LocalForecaster, load
from forecasting.forecasters.baselines.row import Baseline
from forecasting.forecasters.baselines.settings import BaselineSettings
from forecasting.forecasters.baselines.table import BASELINES, forecast_history
from forecasting.forecasters.protocol import Forecast, Task, no_progress
from forecasting.series.arrays.series_arrays import FloatArray, Origins, SeriesArrays
from tests.forecasters.panels import last_origins, panel

TASK = Task(horizon=3, quantile_levels=(0.1, 0.5, 0.9), season_length=4)


def walks(n_series: int, length: int = 30) -> SeriesArrays:
    rng = np.random.default_rng(0)
    return panel({f"s{i}": 20 + np.cumsum(rng.normal(size=length)) for i in range(n_series)}, TASK.horizon)


def use(monkeypatch: pytest.MonkeyPatch, kind: str, forecast: object) -> None:
    """Another function in the row of `kind`, for what no honest baseline does."""
    row = Baseline(lambda _: 1, "", "", forecast=forecast)  # type: ignore[arg-type]
    monkeypatch.setitem(BASELINES, kind, row)


@pytest.fixture
def pool(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers for however little work."""
    monkeypatch.setattr(module, "_POOL_PAYS_FROM", 0.0)


@pytest.mark.parametrize("kind", BASELINES)
def test_each_origin_is_forecast_from_its_own_history_alone(kind: str) -> None:
    arrays = walks(3)
    origins = last_origins(arrays, back=(6, 0))

    forecast = LocalForecaster(BaselineSettings(kind), TASK).forecast(arrays, origins, no_progress)

    for i in range(len(origins)):
        first = int(arrays.offsets[origins.series[i]])
        expected = forecast_history(kind, arrays.y[first : origins.row[i] + 1], TASK)
        np.testing.assert_array_equal(forecast.y_hat[i], expected[0])
        np.testing.assert_array_equal(forecast.quantiles[i], expected[1])
    assert forecast.failed.tolist() == [None] * 6
    assert forecast.fallback.tolist() == [None] * 6


def test_origins_may_come_in_any_order() -> None:
    arrays = walks(4)
    origins = last_origins(arrays, back=(6, 3, 0))
    shuffled = np.random.default_rng(1).permutation(len(origins))
    forecaster = LocalForecaster(BaselineSettings("theta"), TASK)

    plain = forecaster.forecast(arrays, origins, no_progress)
    moved = forecaster.forecast(arrays, origins.take(shuffled), no_progress)

    np.testing.assert_array_equal(moved.y_hat, plain.y_hat[shuffled])


def test_a_gap_is_filled_as_of_the_cutoff_and_does_not_count_as_observed() -> None:
    arrays = panel({"a": [1, 2, np.nan, np.nan, 5, 6]}, TASK.horizon)
    origins = Origins(np.array([0, 0]), np.array([3, 5]), np.array([0, 1]))

    naive = LocalForecaster(BaselineSettings("naive"), TASK).forecast(arrays, origins, no_progress)
    drift = LocalForecaster(BaselineSettings("drift"), TASK).forecast(arrays, origins, no_progress)

    assert naive.y_hat[:, 0].tolist() == [2, 6]
    assert drift.failed.tolist() == ["drift: needs at least 3 observations, got 2", None]


def test_too_short_series_fail_with_the_reason_and_the_others_are_served() -> None:
    arrays = panel({"short": [1.0, 2.0, 3.0], "long": np.arange(20.0) ** 1.5}, TASK.horizon)

    forecast = LocalForecaster(BaselineSettings("ets"), TASK).forecast(arrays, last_origins(arrays), no_progress)

    assert forecast.failed.tolist() == ["ets: needs at least 8 observations, got 3", None]
    assert np.isnan(forecast.quantiles[0]).all()
    assert np.isfinite(forecast.quantiles[1]).all()


def test_max_history_limits_what_the_baseline_sees() -> None:
    arrays = walks(1, length=40)

    forecast = LocalForecaster(BaselineSettings("drift", max_history=5), TASK).forecast(
        arrays, last_origins(arrays), no_progress
    )

    y = arrays.y[:40]
    np.testing.assert_allclose(np.diff(forecast.y_hat[0]), (y[-1] - y[-5]) / 4)


@pytest.mark.usefixtures("pool")
def test_two_workers_give_the_bytes_of_one_and_progress_counts_series() -> None:
    arrays = walks(20)
    origins = last_origins(arrays, back=(4, 0))
    seen: list[tuple[int, int, str]] = []

    alone = LocalForecaster(BaselineSettings("theta"), TASK, 1).forecast(arrays, origins, no_progress)
    shared = LocalForecaster(BaselineSettings("theta"), TASK, 2).forecast(
        arrays, origins, lambda *step: seen.append(step)
    )

    assert alone.quantiles.tobytes() == shared.quantiles.tobytes()
    assert seen[-1] == (20, 20, "theta")
    assert [done for done, _, _ in seen] == sorted(done for done, _, _ in seen)


def test_little_work_starts_no_workers() -> None:
    arrays = walks(3)
    children: list[int] = []

    LocalForecaster(BaselineSettings("theta"), TASK, 2).forecast(
        arrays, last_origins(arrays), lambda *_: children.append(len(psutil.Process().children()))
    )

    assert children
    assert set(children) == {len(psutil.Process().children())}


def test_a_panel_too_large_to_hold_at_once_gives_the_same_bytes_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[int, int, str]] = []
    arrays = walks(20)
    origins = last_origins(arrays, back=(1, 0))
    forecaster = LocalForecaster(BaselineSettings("window_average", name="mean"), TASK)
    whole = forecaster.forecast(arrays, origins, no_progress)

    monkeypatch.setattr(module, "_AT_ONCE", 300)
    parts = forecaster.forecast(arrays, origins, lambda *step: seen.append(step))

    assert parts.quantiles.tobytes() == whole.quantiles.tobytes()
    assert len(seen) > 2
    assert seen[-1] == (20, 20, "mean")


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ((np.full(3, np.nan), np.zeros((3, 3))), "ets: gave a non-finite forecast"),
        ((np.zeros(3), np.full((3, 3), np.inf)), "ets: gave a non-finite forecast"),
        ((np.zeros(2), np.zeros((2, 3))), r"ets: gave shapes (2,) and (2, 3)"),
        ((np.zeros(3), np.tile([2.0, 1.0, 3.0], (3, 1))), "ets: gave quantiles that do not ascend"),
    ],
)
def test_a_bad_answer_of_a_baseline_is_a_failure_with_its_reason(
    monkeypatch: pytest.MonkeyPatch, answer: tuple[FloatArray, FloatArray], reason: str
) -> None:
    use(monkeypatch, "ets", lambda *_: answer)

    assert attempt_at(BaselineSettings("ets", max_seconds=1.0), np.arange(5.0), TASK) == reason


@pytest.mark.parametrize("error", [ValueError("no"), np.linalg.LinAlgError("no"), ZeroDivisionError("no")])
def test_the_errors_of_numerics_are_recorded(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def fail(y: FloatArray, task: Task, engine: object) -> None:
        raise error

    use(monkeypatch, "ets", fail)

    assert attempt_at(BaselineSettings("ets", max_seconds=1.0), np.arange(5.0), TASK) == "ets: no"


def test_a_bug_of_a_baseline_is_not_swallowed(monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, "ets", lambda y, *_: y.no_such_attribute)

    with pytest.raises(AttributeError):
        attempt_at(BaselineSettings("ets", max_seconds=1.0), np.arange(5.0), TASK)


def _compute_stubbornly(y: FloatArray, task: Task, engine: object) -> tuple[FloatArray, FloatArray]:
    """Takes every Exception for its own, as some libraries do."""
    deadline = time.process_time() + 20
    while time.process_time() < deadline:
        with contextlib.suppress(Exception):
            sum(range(1000))
    return np.zeros(3), np.zeros((3, 3))


def test_a_baseline_that_takes_too_long_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, "ets", _compute_stubbornly)

    answer = attempt_at(BaselineSettings("ets", max_seconds=0.2), np.arange(5.0), TASK)

    assert answer == "ets: passed the cap of 0.2 seconds: set baselines.max_seconds"


@pytest.mark.usefixtures("pool")
def test_the_cap_holds_in_a_worker_for_each_series() -> None:
    arrays = walks(3, length=4000)  # a fit takes longer than any tick of the clock

    forecast = LocalForecaster(BaselineSettings("arima", max_seconds=0.0005), TASK, 2).forecast(
        arrays, last_origins(arrays), no_progress
    )

    assert set(forecast.failed) == {"arima: passed the cap of 0.0005 seconds: set baselines.max_seconds"}


def test_a_timer_that_was_running_before_goes_on_afterwards() -> None:
    rang: list[int] = []
    handler = signal.signal(signal.SIGPROF, lambda number, _: rang.append(number))
    timer = signal.setitimer(signal.ITIMER_PROF, 50)
    try:
        with attempt._time_limit(10):
            time.sleep(0.02)
        left = signal.getitimer(signal.ITIMER_PROF)[0]
        signal.raise_signal(signal.SIGPROF)
    finally:
        signal.signal(signal.SIGPROF, handler)
        signal.setitimer(signal.ITIMER_PROF, *timer)

    assert 40 < left < 51
    assert rang == [signal.SIGPROF]


def test_in_another_thread_there_is_no_cap_but_a_forecast() -> None:
    answers: list[object] = []
    thread = threading.Thread(
        target=lambda: answers.append(
            attempt_at(BaselineSettings("theta", max_seconds=0.0001), np.arange(10.0) % 3, TASK)
        )
    )

    thread.start()
    thread.join()

    assert isinstance(answers[0], tuple)


class DeadlyHistory:
    """Kills the process that unpickles it, as a fault in native code would."""

    def __reduce__(self) -> tuple[object, ...]:
        return os._exit, (9,)


def forecast_with_deadly(monkeypatch: pytest.MonkeyPatch, arrays: SeriesArrays, deadly: set[int]) -> Forecast:
    history = LocalForecaster._history

    def bad_history(self: LocalForecaster, arrays: SeriesArrays, origins: Origins, i: int) -> object:
        return DeadlyHistory() if i in deadly else history(self, arrays, origins, i)

    monkeypatch.setattr(LocalForecaster, "_history", bad_history)
    return LocalForecaster(BaselineSettings("theta"), TASK, 2).forecast(arrays, last_origins(arrays), no_progress)


@pytest.mark.usefixtures("pool")
def test_a_series_that_kills_its_worker_fails_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    forecast = forecast_with_deadly(monkeypatch, walks(8), {5})

    assert forecast.failed[5] == "theta: its worker process died (killed, out of memory, or a fault in native code)"
    others = np.arange(8) != 5
    assert forecast.failed[others].tolist() == [None] * 7
    assert np.isfinite(forecast.quantiles[others]).all()


@pytest.mark.slow
@pytest.mark.usefixtures("pool")
def test_when_worker_after_worker_dies_the_rest_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parallel, "_MOST_CRASHES", 1)

    forecast = forecast_with_deadly(monkeypatch, walks(12), set(range(12)))

    assert "its worker process died" in forecast.failed[0]
    assert forecast.failed[11] == "theta: not tried, 1 worker processes had died before"


@pytest.mark.slow
@pytest.mark.usefixtures("pool")
def test_a_worker_that_somebody_kills_costs_no_forecast() -> None:
    arrays = walks(40)
    killed: list[int] = []

    def kill_one(done: int, total: int, text: str) -> None:
        if not killed:
            worker = next(child for child in psutil.Process().children() if "spawn_main" in " ".join(child.cmdline()))
            killed.append(worker.pid)
            worker.kill()

    forecast = LocalForecaster(BaselineSettings("theta"), TASK, 2).forecast(arrays, last_origins(arrays), kill_one)

    assert killed
    assert forecast.failed.tolist() == [None] * 40
    assert np.isfinite(forecast.y_hat).all()


def test_no_origins_and_no_able_origins_give_empty_answers() -> None:
    arrays = panel({"a": [1.0, 2.0]}, TASK.horizon)
    forecaster = LocalForecaster(BaselineSettings("ets"), TASK, 2)

    assert len(forecaster.forecast(arrays, last_origins(arrays).take(slice(0)), no_progress).failed) == 0
    assert forecaster.forecast(arrays, last_origins(arrays), no_progress).failed[0] is not None


def test_fitting_learns_nothing() -> None:
    arrays = walks(1)
    origins = last_origins(arrays)

    report = LocalForecaster(BaselineSettings("ets"), TASK).fit(arrays, origins, origins, no_progress)

    assert report.best_step == 0


def test_what_is_saved_is_settings_and_task_and_loads_equal(tmp_path: Path) -> None:
    forecaster = LocalForecaster(BaselineSettings("ets", name="my_ets", max_history=90), TASK)

    forecaster.save(tmp_path / "state")
    loaded = load(tmp_path / "state", workers=2)

    assert [path.name for path in (tmp_path / "state").iterdir()] == ["forecaster.json"]
    assert (loaded.name, loaded.settings, loaded.task) == ("my_ets", forecaster.settings, TASK)
    assert json.loads((tmp_path / "state" / "forecaster.json").read_text())["kind"] == "baseline"
