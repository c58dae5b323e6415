from collections.abc import Callable

import numpy as np
import pytest

from forecasting.evaluation.leak_check import LeakReport, leak_check, with_noise_after
from forecasting.forecasters.baselines.forecaster import LocalForecaster
from forecasting.forecasters.baselines.settings import BaselineSettings
from forecasting.forecasters.protocol import Task, no_progress
from forecasting.series.arrays.series_arrays import FloatArray, Origins, SeriesArrays
from tests.evaluation.conftest import FunctionForecaster, last_value, make_arrays, origins_at

TASK = Task(horizon=2, quantile_levels=(0.1, 0.5, 0.9), season_length=1)
SERIES = {"a": [1, 2, None, None, None, 6, 7, 8, 9], "b": [3, 1, 4, 1, 5, 9, 2, 6]}


def places(arrays: SeriesArrays) -> Origins:
    """Two windows; at ds 3 series a is inside a gap that lasts to ds 4."""
    return origins_at(arrays, ("a", 3), ("b", 3), ("a", 6), ("b", 5))


def report_of(function: Callable[[SeriesArrays, int, int], FloatArray | list[float]]) -> LeakReport:
    arrays = make_arrays(SERIES, horizon=2)
    return leak_check(FunctionForecaster(function, TASK), arrays, places(arrays), seed=0)


def test_a_forecaster_that_reads_only_the_past_does_not_move() -> None:
    arrays = make_arrays(SERIES, horizon=2)
    assert leak_check(last_value(TASK), arrays, places(arrays), seed=0) == LeakReport(checked=4, moved=0)


def test_history_and_past_covariates_up_to_the_cutoff_may_be_read() -> None:
    report = report_of(lambda a, s, r: [a.history(s, r).mean(), a.past[r, 0] + a.observed_before[r]])
    assert report.moved == 0


@pytest.mark.parametrize(
    "leak",
    [
        lambda a, _, r: a.y[r + 1 : r + 3],
        lambda a, _, r: np.full(2, a.full[r + 1]),
        lambda a, _, r: np.full(2, a.causal[r + 2]),
        lambda a, _, r: np.full(2, a.past[r + 1, 0]),
        lambda a, s, _: np.full(2, np.nanmean(a.y[a.offsets[s] : a.offsets[s + 1]])),
        lambda a, s, r: np.full(2, a.last_observed[s] - r),
        lambda a, s, _: np.full(2, a.observed_before[a.offsets[s + 1] - 1]),
    ],
    ids=["y", "full", "causal", "past covariate", "mean of the whole series", "length", "number observed"],
)
def test_a_forecaster_that_reads_the_future_is_caught_at_every_origin(leak) -> None:
    assert report_of(leak) == LeakReport(checked=4, moved=4, moved_ids=("a", "b"))


@pytest.mark.parametrize("leak", [lambda a, _, r: [a.full[r]] * 2, lambda a, _, r: [a.next_observed[r]] * 2])
def test_a_gap_filled_from_beyond_the_cutoff_is_caught(leak) -> None:
    assert report_of(leak) == LeakReport(checked=4, moved=1, moved_ids=("a",))


def test_a_leak_of_one_bit_in_one_quantile_is_caught() -> None:
    class Tiny(FunctionForecaster):
        def forecast(self, arrays, origins, on_progress):
            made = super().forecast(arrays, origins, on_progress)
            made.quantiles[0, 0, 0] = np.nextafter(made.quantiles[0, 0, 0], np.inf if arrays.y[-3] > 6 else -np.inf)
            return made

    arrays = make_arrays(SERIES, horizon=2)
    tiny = Tiny(lambda _a, _s, _r: np.ones(2), TASK)
    reports = [leak_check(tiny, arrays, origins_at(arrays, ("b", 5)), seed) for seed in range(8)]
    assert any(report.moved == 1 for report in reports)


def test_a_failure_that_depends_on_the_future_is_caught() -> None:
    assert report_of(lambda a, _s, _r: np.full(2, np.nan if np.isfinite(a.y[-1]) else 1.0)).moved == 4


def test_a_failure_that_does_not_is_none() -> None:
    assert report_of(lambda _a, _s, _r: np.full(2, np.nan)).moved == 0


def test_what_a_clock_stopped_in_one_pass_only_is_left_out_and_the_rest_is_checked() -> None:
    """Pass 1 of a window is stopped at one origin; a busy machine is no leak."""
    calls = iter(range(4))

    class Stopped(FunctionForecaster):
        def forecast(self, arrays, origins, on_progress):
            made = super().forecast(arrays, origins, on_progress)
            if next(calls) == 0:
                made.failed[0] = "ets: passed the cap of 30 seconds: set baselines.max_seconds"
                made.y_hat[0] = np.nan
            return made

    arrays = make_arrays(SERIES, horizon=2)
    forecaster = Stopped(lambda a, _, r: np.full(2, a.causal[r]), TASK)

    assert leak_check(forecaster, arrays, places(arrays), seed=0) == LeakReport(checked=3, moved=0)


def test_noise_leaves_everything_up_to_the_cutoff_as_it_was() -> None:
    arrays = make_arrays(SERIES, horizon=2)
    origins = origins_at(arrays, ("a", 3))
    changed = with_noise_after(arrays, origins, np.random.default_rng(0))
    row, end = 3, int(arrays.offsets[1])
    for name in ("y", "causal", "past"):
        before, after = getattr(arrays, name), getattr(changed, name)
        np.testing.assert_array_equal(before[: row + 1], after[: row + 1])
        assert (before[row + 1 : end] != after[row + 1 : end]).all()
        np.testing.assert_array_equal(before[end:], after[end:])
    np.testing.assert_array_equal(changed.history(0, row), arrays.history(0, row))
    assert changed.next_observed[:6].tolist() == [0, 1, 4, 4, 4, 5]
    assert changed.observed_before[:6].tolist() == [1, 2, 2, 2, 3, 4]


def test_two_origins_of_one_series_cannot_be_checked_at_once() -> None:
    arrays = make_arrays(SERIES, horizon=2)
    both = origins_at(arrays, ("a", 3), ("a", 5))
    with pytest.raises(ValueError, match="one origin for each series"):
        with_noise_after(arrays, both, np.random.default_rng(0))


@pytest.mark.parametrize("kind", ["naive", "seasonal_naive", "drift"])
def test_a_baseline_does_not_move(kind) -> None:
    rng = np.random.default_rng(1)
    arrays = make_arrays(
        {"a": [*rng.normal(9, 1, 20), None, None, 9, 8], "b": rng.normal(5, 1, 20).tolist()}, horizon=2
    )
    origins = origins_at(arrays, ("a", 20), ("b", 12), ("a", 22), ("b", 15))
    baseline = LocalForecaster(BaselineSettings(kind), Task(2, (0.1, 0.5, 0.9), season_length=4))
    assert leak_check(baseline, arrays, origins, seed=0) == LeakReport(checked=4, moved=0)
    assert baseline.forecast(arrays, origins, no_progress).failed.tolist() == [None] * 4
