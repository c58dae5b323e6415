"""Fits of one baseline over processes: a chunk of whole series is a job, and a series that kills its worker fails alone.

Comes in: histories, the series they belong to, the settings. Goes out: one answer for each history, as they come.
"""

import time
from collections.abc import Callable, Sequence
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from forecasting.forecasters.baselines.attempt import Answer, attempt, ran_out_of_time
from forecasting.forecasters.baselines.settings import BaselineSettings
from forecasting.forecasters.protocol import Task
from forecasting.processes import Progress, run_jobs
from forecasting.series.arrays.series_arrays import FloatArray, IntArray

CRASHED = "its worker process died (killed, out of memory, or a fault in native code)"
_NOT_TRIED = "not tried, "

_CHUNKS_PER_WORKER = 8  # so that no worker waits long for the last one
_LARGEST_CHUNK = 64  # series
_MOST_CRASHES = 10  # dead workers after which the rest is given up: the machine is at fault, not a series

Timed = tuple[Answer, float]  # an answer, and the seconds of computing that it took
OnAnswers = Callable[[list[int], list[Timed]], None]  # positions of histories, and their answers


@dataclass(frozen=True)
class Chunk:
    """One job: the histories of a few series, one entry per origin."""

    settings: BaselineSettings
    task: Task
    position: list[int]  # of the history in the call
    series: list[int]
    history: list[FloatArray]

    @property
    def n_series(self) -> int:
        return len(set(self.series))

    def singles(self) -> list["Chunk"]:
        """The same work, one origin to a job."""
        rows = zip(self.position, self.series, self.history, strict=True)
        return [Chunk(self.settings, self.task, [p], [s], [h]) for p, s, h in rows]


def chunks_of(
    settings: BaselineSettings, task: Task, series: IntArray, histories: Sequence[FloatArray], workers: int
) -> list[Chunk]:
    """The histories, sorted by series, as jobs of whole series."""
    starts = np.flatnonzero(np.diff(series, prepend=-1))  # of each series
    size = min(_LARGEST_CHUNK, max(1, -(-len(starts) // (workers * _CHUNKS_PER_WORKER))))
    chunks = []
    for part in np.split(np.arange(len(series)), starts[size::size]) if len(series) else []:
        positions = [int(i) for i in part]
        chunks.append(
            Chunk(settings, task, positions, [int(series[i]) for i in part], [histories[i] for i in positions])
        )
    return chunks


def answer_chunks(chunks: list[Chunk], workers: int, on_answers: OnAnswers, on_progress: Progress) -> None:
    """All chunks over the pool; where a worker dies, the chunks under way are tried again one origin at a time."""
    if not chunks:
        return
    tally = _Tally(sum(chunk.n_series for chunk in chunks), chunks[0].settings.name, on_progress)
    crashes = 0
    while chunks:
        answered: set[int] = set()
        try:
            run_jobs(answer_chunk, chunks, workers, partial(_tell, chunks, on_answers, answered), tally.update)
            return
        except BrokenProcessPool:
            crashes += 1
        tally.close_round(sum(chunks[index].n_series for index in answered))
        chunks = [chunk for index, chunk in enumerate(chunks) if index not in answered]
        # Jobs are taken in order, so the worker that died held one of the first unfinished chunks.
        suspects, chunks = chunks[:workers], chunks[workers:]
        crashes = _one_by_one([single for chunk in suspects for single in chunk.singles()], on_answers, crashes)
        tally.close_round(sum(chunk.n_series for chunk in suspects))
        if crashes > _MOST_CRASHES:
            _give_up(chunks, on_answers)
            return


def answer_chunk(chunk: Chunk, progress: Progress) -> list[Timed]:
    """The job: one answer per history, in a worker or here."""
    answers: list[Timed] = []
    done = 0
    for n, history in enumerate(chunk.history):
        started = time.process_time()
        answer = attempt(chunk.settings, history, chunk.task)
        answers.append((answer, time.process_time() - started))
        if n + 1 == len(chunk.series) or chunk.series[n + 1] != chunk.series[n]:
            done += 1
            progress(done, chunk.n_series, chunk.settings.name)
    return answers


def comes_again(answer: Answer) -> bool:
    """Whether the same history would get the same answer: not where machine or clock were at fault."""
    if not isinstance(answer, str):
        return True
    return not (CRASHED in answer or _NOT_TRIED in answer or ran_out_of_time(answer))


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


def _one_by_one(singles: list[Chunk], on_answers: OnAnswers, crashes: int) -> int:
    """Each origin in a worker that only it can kill; returns the number of workers that have died so far."""
    while singles:
        answered: set[int] = set()
        try:
            run_jobs(answer_chunk, singles, 1, partial(_tell, singles, on_answers, answered), isolated=True)
            return crashes
        except BrokenProcessPool:
            crashes += 1
        culprit, singles = singles[len(answered)], singles[len(answered) + 1 :]
        on_answers(culprit.position, [(f"{culprit.settings.kind}: {CRASHED}", 0.0)])
        if crashes > _MOST_CRASHES:
            _give_up(singles, on_answers)
            return crashes
    return crashes


def _give_up(chunks: Sequence[Chunk], on_answers: OnAnswers) -> None:
    for chunk in chunks:
        reason = f"{chunk.settings.kind}: {_NOT_TRIED}{_MOST_CRASHES} worker processes had died before"
        on_answers(chunk.position, [(reason, 0.0)] * len(chunk.position))


def _tell(chunks: Sequence[Chunk], on_answers: OnAnswers, answered: set[int], index: int, answers: list[Timed]) -> None:
    on_answers(chunks[index].position, answers)
    answered.add(index)
