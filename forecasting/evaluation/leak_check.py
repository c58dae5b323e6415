"""Does a forecaster see past its cutoff? The future becomes noise, and the forecasts must not move by a bit.

Comes in: a fitted forecaster (or the recipe of its fit), the arrays, the origins. Goes out: how many forecasts were
checked and how many moved. It runs on CPU, where a forecast is exact. Known-future and static covariates stay as they
are: they are known.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from forecasting.forecasters.baselines.attempt import ran_out_of_time
from forecasting.forecasters.protocol import Forecast, Forecaster, no_progress
from forecasting.series.arrays.series_arrays import FloatArray, Origins, SeriesArrays

_SHOWN = 5


@dataclass(frozen=True)
class LeakReport:
    """`moved` of `checked` forecasts changed with the future; `moved_ids` names the first few series of these.

    A forecast that a clock stopped in either pass is not among those checked: it would tell of the machine.
    """

    checked: int
    moved: int
    moved_ids: tuple[str, ...] = ()


def leak_check(forecaster: Forecaster, arrays: SeriesArrays, origins: Origins, seed: int) -> LeakReport:
    """Forecast from `origins` twice, the second time with noise after each, and compare to the bit.

    What lies after one origin of a series is the history of its next, so each window of cutoffs is checked on its own.
    Raises ValueError where a window holds two origins of one series.
    """
    rng = np.random.default_rng(seed)
    ids: list[str] = []
    checked = moved = 0
    for window in np.unique(origins.window):
        mine = origins.take(origins.window == window)
        before = forecaster.forecast(arrays, mine, no_progress)
        after = forecaster.forecast(with_noise_after(arrays, mine, rng), mine, no_progress)
        judged = ~(_stopped_by_a_clock(before) | _stopped_by_a_clock(after))
        changed = judged & ~_same(before, after)
        checked += int(judged.sum())
        moved += int(changed.sum())
        ids += [arrays.ids[s] for s in mine.series[changed]]
    return LeakReport(checked, moved, tuple(dict.fromkeys(ids))[:_SHOWN])


def fit_leak_check(
    fit: Callable[[SeriesArrays], tuple[Forecaster, float]], arrays: SeriesArrays, until: Origins, seed: int
) -> LeakReport:
    """Fit twice, the second time with noise after `until` (one origin per series), and compare what comes out.

    `fit` takes arrays that hold the future too, and gives the forecaster with its score on the inner cutoffs, which
    tuning goes by. A forecast after `until` that differs by one bit has moved; a score that differs moves them all.
    """
    noisy = with_noise_after(arrays, until, np.random.default_rng(seed))
    (before, score), (after, other) = fit(arrays), fit(noisy)
    changed = ~_same(before.forecast(arrays, until, no_progress), after.forecast(arrays, until, no_progress))
    if not np.array_equal(score, other, equal_nan=True):
        changed[:] = True
    moved = [arrays.ids[s] for s in until.series[changed]]
    return LeakReport(len(until), int(changed.sum()), tuple(dict.fromkeys(moved))[:_SHOWN])


def window_leak_check(
    every_step: Callable[[SeriesArrays, Origins], FloatArray | None], arrays: SeriesArrays, origins: Origins, seed: int
) -> LeakReport:
    """Change the second half of each window, and compare what is forecast from the steps of the first half, to the bit.

    `every_step` gives the forecasts (O, T, ...) from each step of the windows that end at the origins (one per series),
    oldest step first, or null where a window has one origin alone: then nothing is checked.
    """
    before = every_step(arrays, origins)
    if before is None:
        return LeakReport(0, 0)
    length = np.minimum(before.shape[1], origins.row - arrays.offsets[origins.series] + 1)
    kept = length // 2  # steps of the first half
    halfway = Origins(origins.series, origins.row - length + kept, origins.window)
    able = np.flatnonzero(kept > 0)
    noisy = with_noise_after(arrays, halfway.take(able), np.random.default_rng(seed))
    after = every_step(noisy, origins)
    assert after is not None
    moved = [o for o in able if (_bits(before[o, : kept[o]]) != _bits(after[o, : kept[o]])).any()]
    ids = [arrays.ids[origins.series[o]] for o in moved]
    return LeakReport(len(able), len(moved), tuple(ids)[:_SHOWN])


def with_noise_after(arrays: SeriesArrays, origins: Origins, rng: np.random.Generator) -> SeriesArrays:
    """A copy in which all that an origin must not see is noise, and every row after it looks observed.

    Changed are y, fills, past covariates and the marks of observation after each origin; and inside a gap that an
    origin cuts through, `full` (filled from beyond the gap) and `next_observed`. Series without an origin stay as they
    are.
    """
    if len(np.unique(origins.series)) < len(origins):
        raise ValueError("noise must follow one origin for each series, got several: check each window on its own")
    y, full, causal, past = arrays.y.copy(), arrays.full.copy(), arrays.causal.copy(), arrays.past.copy()
    next_observed, observed_before = arrays.next_observed.copy(), arrays.observed_before.copy()
    last_observed = arrays.last_observed.copy()
    for series, row in zip(origins.series.tolist(), origins.row.tolist(), strict=True):
        first, end = int(arrays.offsets[series]), int(arrays.offsets[series + 1])
        later = np.arange(row + 1, end)
        size = _size(y[first : row + 1])
        y[later] = rng.normal(0.0, size, len(later))
        full[later] = causal[later] = y[later]
        past[later] = rng.normal(0.0, 10.0, (len(later), past.shape[1]))
        gap = np.arange(first, row + 1)[arrays.next_observed[first : row + 1] > row]
        full[gap] = rng.normal(0.0, size, len(gap))
        next_observed[gap], next_observed[later] = row + 1, later
        observed_before[later] = observed_before[row] + np.arange(1, len(later) + 1)
        last_observed[series] = end - 1
    return replace(
        arrays,
        y=y,
        full=full,
        causal=causal,
        past=past,
        next_observed=next_observed,
        observed_before=observed_before,
        last_observed=last_observed,
    )


def _size(history: FloatArray) -> float:
    """Ten times the largest value that was seen: noise that nothing rounds away."""
    return 10.0 * float(np.nanmax(np.abs(history), initial=1.0))


def _same(before: Forecast, after: Forecast) -> npt.NDArray[np.bool_]:
    """Whether each forecast is the same to the bit, and failed for the same reason; (O,)."""
    y_hat = (_bits(before.y_hat) == _bits(after.y_hat)).all(axis=1)
    quantiles = (_bits(before.quantiles) == _bits(after.quantiles)).all(axis=(1, 2))
    return np.asarray(y_hat & quantiles & (before.failed == after.failed))


def _stopped_by_a_clock(forecast: Forecast) -> npt.NDArray[np.bool_]:
    """Which origins failed for want of time; (O,)."""
    return np.array([ran_out_of_time(reason) for reason in forecast.failed], dtype=bool)


def _bits(values: FloatArray) -> npt.NDArray[np.uint64]:
    return np.ascontiguousarray(values, dtype=np.float64).view(np.uint64)
