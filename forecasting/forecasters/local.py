"""A statistical baseline as a forecaster: fitted to each series when it forecasts, over the process pool.

Comes in: arrays and origins. Goes out: a Forecast in which every origin without one says why. Closed-form baselines
run here in a loop; the others go out in chunks of whole series, each job with only the histories it needs.
"""

import json
import os
from collections.abc import Sequence
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from forecasting.forecasters.attempt import Answer, attempt
from forecasting.forecasters.baselines import BASELINES, BaselineSettings
from forecasting.forecasters.protocol import FitReport, Forecast, Progress, Task, failed_forecast
from forecasting.processes import run_jobs
from forecasting.series.arrays import FloatArray, IntArray, Origins, SeriesArrays

_CHUNKS_PER_WORKER = 8  # so that no worker waits long for the last one
_POOL_PAYS_FROM = 3.0  # seconds of work below which starting workers costs more than it saves
_LARGEST_CHUNK = 64  # series
_MOST_CRASHES = 10  # dead workers after which the rest is given up: the machine is at fault, not a series
_CRASHED = "its worker process died (killed, out of memory, or a fault in native code)"


@dataclass(frozen=True)
class _Chunk:
    """One job: the histories of a few series, one entry per origin."""

    kind: str
    task: Task
    max_seconds: float
    position: list[int]  # of the origin in the call
    series: list[int]
    history: list[FloatArray]

    @property
    def n_series(self) -> int:
        return len(set(self.series))

    def singles(self) -> list["_Chunk"]:
        """The same work, one origin to a job."""
        rows = zip(self.position, self.series, self.history, strict=True)
        return [_Chunk(self.kind, self.task, self.max_seconds, [p], [s], [h]) for p, s, h in rows]


class LocalForecaster:
    """A baseline behind the protocol of all forecasters; its state is its settings."""

    def __init__(self, settings: BaselineSettings, task: Task, workers: int = 1) -> None:
        self.settings = settings
        self.task = task
        self.workers = workers
        self.name = settings.name
        self._row = BASELINES[settings.kind]

    def fit(self, arrays: SeriesArrays, until: Origins, inner: Origins, on_progress: Progress) -> FitReport:  # noqa: ARG002
        """Nothing to learn: a baseline is fitted to each history as it forecasts."""
        return FitReport()

    def forecast(self, arrays: SeriesArrays, origins: Origins, on_progress: Progress) -> Forecast:
        """Forecast the horizon after each origin from its own history; progress counts series."""
        forecast = failed_forecast(len(origins), self.task, "")
        least = self._row.min_history(self.task)
        n_observed = arrays.n_observed(origins)
        for i in np.flatnonzero(n_observed < least):
            forecast.failed[i] = f"{self.settings.kind}: needs at least {least} observations, got {n_observed[i]}"
        able = np.flatnonzero(n_observed >= least)
        able = able[np.argsort(origins.series[able], kind="stable")]  # the cutoffs of one series side by side
        if self._row.closed_form:
            self._forecast_here(arrays, origins, able, forecast, on_progress)
        else:
            workers = self.workers if len(able) * self._row.seconds >= _POOL_PAYS_FROM else 1
            self._forecast_in_chunks(self._chunks(arrays, origins, able, workers), workers, forecast, on_progress)
        return forecast

    def save(self, folder: Path) -> None:
        """Writes folder/forecaster.json, whole or not at all."""
        folder.mkdir(parents=True, exist_ok=True)
        state = {
            "format": 1,
            "kind": "baseline",
            "name": self.name,
            "task": asdict(self.task),
            "settings": asdict(self.settings),
        }
        unfinished = folder / f"forecaster.json.{os.getpid()}.tmp"
        with unfinished.open("w", encoding="utf-8") as file:
            file.write(json.dumps(state, indent=2, sort_keys=True) + "\n")
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(folder / "forecaster.json")

    def _history(self, arrays: SeriesArrays, origins: Origins, i: int) -> FloatArray:
        """What origin i may see, no more of it than the baseline uses."""
        history = arrays.history(int(origins.series[i]), int(origins.row[i]))
        longest = self.settings.max_history or self._row.max_history
        return history[-longest:].copy() if longest else history

    def _forecast_here(
        self, arrays: SeriesArrays, origins: Origins, able: IntArray, into: Forecast, on_progress: Progress
    ) -> None:
        total, done = len(np.unique(origins.series[able])), 0
        for n, i in enumerate(able):
            _write(into, int(i), attempt(self.settings.kind, self._history(arrays, origins, int(i)), self.task, 0.0))
            if n + 1 == len(able) or origins.series[able[n + 1]] != origins.series[i]:
                done += 1
                if done % 500 == 0 or done == total:
                    on_progress(done, total, self.name)

    def _chunks(self, arrays: SeriesArrays, origins: Origins, able: IntArray, workers: int) -> list[_Chunk]:
        """The able origins, sorted by series, as jobs of whole series."""
        starts = np.flatnonzero(np.diff(origins.series[able], prepend=-1))  # of each series
        size = min(_LARGEST_CHUNK, max(1, -(-len(starts) // (workers * _CHUNKS_PER_WORKER))))
        chunks = []
        for part in np.split(able, starts[size::size]) if len(able) else []:
            positions = [int(i) for i in part]
            histories = [self._history(arrays, origins, i) for i in positions]
            series = [int(origins.series[i]) for i in positions]
            settings = self.settings
            chunks.append(_Chunk(settings.kind, self.task, settings.max_seconds, positions, series, histories))
        return chunks

    def _forecast_in_chunks(self, chunks: list[_Chunk], workers: int, into: Forecast, on_progress: Progress) -> None:
        """All chunks over the pool; where a worker dies, the chunks under way are tried again one origin at a time."""
        tally = _Tally(sum(chunk.n_series for chunk in chunks), self.name, on_progress)
        crashes = 0
        while chunks:
            answered: set[int] = set()
            try:
                run_jobs(_forecast_chunk, chunks, workers, partial(_write_chunk, chunks, into, answered), tally.update)
                return
            except BrokenProcessPool:
                crashes += 1
            tally.close_round(sum(chunks[index].n_series for index in answered))
            chunks = [chunk for index, chunk in enumerate(chunks) if index not in answered]
            # Jobs are taken in order, so the worker that died held one of the first unfinished chunks.
            suspects, chunks = chunks[:workers], chunks[workers:]
            crashes = _one_by_one([single for chunk in suspects for single in chunk.singles()], into, crashes)
            tally.close_round(sum(chunk.n_series for chunk in suspects))
            if crashes > _MOST_CRASHES:
                _give_up(chunks, into)
                return


@dataclass
class _Tally:
    """Adds up the series that the chunks of a round have done, on top of those of earlier rounds."""

    total: int
    text: str
    on_progress: Progress
    before: int = 0
    now: dict[int, int] = field(default_factory=dict)

    def update(self, index: int, done: int, total: int, text: str) -> None:  # noqa: ARG002
        self.now[index] = done
        self.on_progress(self.before + sum(self.now.values()), self.total, self.text)

    def close_round(self, n_series: int) -> None:
        self.now.clear()
        self.before += n_series


def _one_by_one(singles: list[_Chunk], into: Forecast, crashes: int) -> int:
    """Each origin in a worker that only it can kill; returns the number of workers that have died so far."""
    while singles:
        answered: set[int] = set()
        try:
            run_jobs(_forecast_chunk, singles, 1, partial(_write_chunk, singles, into, answered), isolated=True)
            return crashes
        except BrokenProcessPool:
            crashes += 1
        culprit, singles = singles[len(answered)], singles[len(answered) + 1 :]
        into.failed[culprit.position[0]] = f"{culprit.kind}: {_CRASHED}"
        if crashes > _MOST_CRASHES:
            _give_up(singles, into)
            return crashes
    return crashes


def _give_up(chunks: Sequence[_Chunk], into: Forecast) -> None:
    for chunk in chunks:
        for position in chunk.position:
            into.failed[position] = f"{chunk.kind}: not tried, {_MOST_CRASHES} worker processes had died before"


def _forecast_chunk(chunk: _Chunk, progress: Progress) -> list[Answer]:
    """The job: one answer per history, in a worker or here."""
    answers: list[Answer] = []
    done = 0
    for n, history in enumerate(chunk.history):
        answers.append(attempt(chunk.kind, history, chunk.task, chunk.max_seconds))
        if n + 1 == len(chunk.series) or chunk.series[n + 1] != chunk.series[n]:
            done += 1
            progress(done, chunk.n_series, chunk.kind)
    return answers


def _write_chunk(
    chunks: Sequence[_Chunk], into: Forecast, answered: set[int], index: int, answers: list[Answer]
) -> None:
    for position, answer in zip(chunks[index].position, answers, strict=True):
        _write(into, position, answer)
    answered.add(index)


def _write(into: Forecast, i: int, answer: Answer) -> None:
    if isinstance(answer, str):
        into.failed[i] = answer
    else:
        into.y_hat[i], into.quantiles[i] = answer
        into.failed[i] = None


def load(folder: Path, workers: int = 1) -> LocalForecaster:
    """The baseline saved in `folder`; `catalog.load_forecaster` also checks that its file is one."""
    state: dict[str, Any] = json.loads((folder / "forecaster.json").read_text(encoding="utf-8"))
    task = {**state["task"], "quantile_levels": tuple(state["task"]["quantile_levels"])}
    return LocalForecaster(BaselineSettings(**state["settings"]), Task(**task), workers)
