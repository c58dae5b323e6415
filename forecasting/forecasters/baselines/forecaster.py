"""A statistical baseline as a forecaster: fitted to each series when it forecasts, over the process pool.

Comes in: arrays and origins. Goes out: a Forecast in which every origin without one says why. Closed forms are computed
for many histories at once; the others go out in chunks of whole series, each job with only the histories it needs, and
what was fitted before is remembered.
"""

import json
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from forecasting.forecasters.baselines.attempt import Answer
from forecasting.forecasters.baselines.cache import ForecastCache
from forecasting.forecasters.baselines.combination import median
from forecasting.forecasters.baselines.histories import histories
from forecasting.forecasters.baselines.normal import normal_forecast
from forecasting.forecasters.baselines.parallel import Timed, answer_chunks, chunks_of, comes_again
from forecasting.forecasters.baselines.settings import BaselineSettings
from forecasting.forecasters.baselines.table import BASELINES
from forecasting.forecasters.protocol import FitReport, Forecast, Task, failed_forecast, write_state_file
from forecasting.processes import Progress
from forecasting.series.arrays.series_arrays import FloatArray, IntArray, Origins, SeriesArrays

_POOL_PAYS_FROM = 3.0  # seconds of work below which starting workers costs more than it saves
_AT_ONCE = 1 << 22  # values of the histories that a closed form holds at a time
_KEPT_EVERY = 20.0  # seconds after which answers are remembered, so that a kill costs no more than these


class LocalForecaster:
    """A baseline behind the protocol of all forecasters; its state is its settings.

    `cache` is a folder in which fitted forecasts are found again; null fits every time.
    """

    def __init__(self, settings: BaselineSettings, task: Task, workers: int = 1, cache: Path | None = None) -> None:
        self.settings = settings
        self.task = task
        self.workers = workers
        self.cache = cache
        self.name = settings.name
        self._row = BASELINES[settings.kind]

    def fit(self, arrays: SeriesArrays, until: Origins, inner: Origins, on_progress: Progress) -> FitReport:  # noqa: ARG002
        """Nothing to learn: a baseline is fitted to each history as it forecasts."""
        return FitReport()

    def forecast(self, arrays: SeriesArrays, origins: Origins, on_progress: Progress) -> Forecast:
        """Forecast the horizon after each origin from its own history; progress counts series."""
        if self._row.members:
            return self._combine(arrays, origins, on_progress)
        forecast = failed_forecast(len(origins), self.task, "")
        least = self._row.min_history(self.task)
        n_observed = arrays.n_observed(origins)
        for i in np.flatnonzero(n_observed < least):
            forecast.failed[i] = f"{self.settings.kind}: needs at least {least} observations, got {n_observed[i]}"
        able = np.flatnonzero(n_observed >= least)
        able = able[np.argsort(origins.series[able], kind="stable")]  # the cutoffs of one series side by side
        if self._row.forecast_all is not None:
            self._forecast_at_once(arrays, origins, able, forecast, on_progress)
            return forecast
        return replace(forecast, seconds=self._forecast_one_by_one(arrays, origins, able, forecast, on_progress))

    def save(self, folder: Path) -> None:
        """Writes folder/forecaster.json, whole or not at all."""
        state = {
            "format": 1,
            "kind": "baseline",
            "name": self.name,
            "task": asdict(self.task),
            "settings": asdict(self.settings),
        }
        write_state_file(folder, state)

    @property
    def _longest(self) -> int | None:
        return self.settings.max_history or self._row.max_history

    def _history(self, arrays: SeriesArrays, origins: Origins, i: int) -> FloatArray:
        """What origin i may see, no more of it than the baseline uses."""
        history = arrays.history(int(origins.series[i]), int(origins.row[i]))
        return history[-self._longest :].copy() if self._longest else history

    def _forecast_at_once(
        self, arrays: SeriesArrays, origins: Origins, able: IntArray, into: Forecast, on_progress: Progress
    ) -> None:
        """A closed form, for as many histories at a time as fit into memory."""
        assert self._row.forecast_all is not None
        lengths = origins.row[able] + 1 - arrays.offsets[origins.series[able]]
        part_of = np.cumsum(np.minimum(lengths, self._longest or lengths)) // _AT_ONCE
        total = len(np.unique(origins.series[able]))
        for part in np.split(able, np.flatnonzero(np.diff(part_of)) + 1) if len(able) else []:
            with np.errstate(all="ignore"):
                batch = histories(arrays, origins.take(part), self._longest)
                mean_OH, sigma_OH = self._row.forecast_all(batch, self.task)
            finite = np.isfinite(mean_OH).all(axis=1) & np.isfinite(sigma_OH).all(axis=1)
            for i in part[~finite]:
                into.failed[i] = f"{self.settings.kind}: gave a non-finite forecast"
            good = part[finite]
            into.y_hat[good], into.quantiles[good] = normal_forecast(mean_OH[finite], sigma_OH[finite], self.task)
            into.failed[good] = None
            on_progress(
                int(np.searchsorted(np.unique(origins.series[able]), origins.series[part[-1]])) + 1, total, self.name
            )

    def _forecast_one_by_one(
        self, arrays: SeriesArrays, origins: Origins, able: IntArray, into: Forecast, on_progress: Progress
    ) -> float:
        """Fits: those that are remembered are read, the others made, here or over the pool; seconds that all took."""
        cache = ForecastCache(self.cache, self.settings, self.task)
        seen = [self._history(arrays, origins, int(i)) for i in able]
        found = cache.find(seen)
        seconds = 0.0
        for i, known in zip(able, found, strict=True):
            if known is not None:
                _write(into, int(i), known[0])
                seconds += known[1]
        left = np.array([n for n, known in enumerate(found) if known is None], dtype=np.int64)
        todo = [seen[n] for n in left]
        workers = self.workers if len(todo) * self._row.seconds(self.settings.engine) >= _POOL_PAYS_FROM else 1
        keeper = _Keeper(cache, todo)

        def on_answers(positions: list[int], answers: list[Timed]) -> None:
            nonlocal seconds
            for position, (answer, spent) in zip(positions, answers, strict=True):
                _write(into, int(able[left[position]]), answer)
                seconds += spent
            keeper.take(positions, answers)

        series = origins.series[able[left]]
        try:
            answer_chunks(chunks_of(self.settings, self.task, series, todo, workers), workers, on_answers, on_progress)
        finally:
            keeper.flush()
        return seconds

    def _combine(self, arrays: SeriesArrays, origins: Origins, on_progress: Progress) -> Forecast:
        """The median of the members' forecasts, each as the member's own baseline remembers or fits it."""
        forecasts = []
        kinds = self._row.members
        for n, kind in enumerate(kinds):
            settings = replace(self.settings, kind=kind, name=kind)
            member = LocalForecaster(settings, self.task, self.workers, self.cache)

            def progress(done: int, total: int, text: str, n: int = n) -> None:
                on_progress(n * total + done, len(kinds) * total, f"{self.name}: {text}")

            forecasts.append(member.forecast(arrays, origins, progress))
        combined = failed_forecast(len(origins), self.task, "")
        for i in range(len(origins)):
            reasons = [f.failed[i] for f in forecasts if f.failed[i] is not None]
            combined.failed[i] = f"{self.settings.kind}: {reasons[0]}" if reasons else None
        good = combined.failed == None  # noqa: E711 - elementwise
        combined.y_hat[good] = median([f.y_hat[good] for f in forecasts])
        combined.quantiles[good] = median([f.quantiles[good] for f in forecasts])
        return replace(combined, seconds=sum(f.seconds or 0.0 for f in forecasts))


class _Keeper:
    """Hands answers to the cache now and then, and at the end; not those that machine or clock are to blame for."""

    def __init__(self, cache: ForecastCache, histories: list[FloatArray]) -> None:
        self.cache, self.histories = cache, histories
        self.waiting: dict[int, Timed] = {}
        self.since = time.monotonic()

    def take(self, positions: list[int], answers: list[Timed]) -> None:
        self.waiting |= {p: timed for p, timed in zip(positions, answers, strict=True) if comes_again(timed[0])}
        if time.monotonic() - self.since >= _KEPT_EVERY:
            self.flush()

    def flush(self) -> None:
        self.cache.keep([self.histories[position] for position in self.waiting], list(self.waiting.values()))
        self.waiting.clear()
        self.since = time.monotonic()


def _write(into: Forecast, i: int, answer: Answer) -> None:
    if isinstance(answer, str):
        into.failed[i] = answer
    else:
        into.y_hat[i], into.quantiles[i] = answer
        into.failed[i] = None


def load(folder: Path, workers: int = 1, cache: Path | None = None) -> LocalForecaster:
    """The baseline saved in `folder`; `saved.load_forecaster` also checks that its file is one."""
    state: dict[str, Any] = json.loads((folder / "forecaster.json").read_text(encoding="utf-8"))
    task = {**state["task"], "quantile_levels": tuple(state["task"]["quantile_levels"])}
    return LocalForecaster(BaselineSettings(**state["settings"]), Task(**task), workers, cache)
