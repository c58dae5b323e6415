"""Jobs over processes: a function and its jobs go in, the results come out in the order of the jobs.

Workers are spawned, never forked (forking a process with threads deadlocks). One thread each; they end with their
parent, ignore Ctrl-C (the parent ends them), and import only what the function's module needs.
"""

import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from importlib import import_module
from multiprocessing import connection
from multiprocessing.queues import SimpleQueue
from types import ModuleType
from typing import Any, TypeVar

from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

T = TypeVar("T")
Progress = Callable[[int, int, str], None]  # done, total, what to show beside the bar
OnProgress = Callable[[int, int, int, str], None]  # index of the job, then as Progress

_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "POLARS_MAX_THREADS"), "1")
_POLL = 0.05  # seconds between looks at the workers' progress
_TEXT = 400  # characters of a progress text: a message must fit one atomic write to a pipe
_SPAWN = threading.Lock()

_Message = tuple[int, int, int, int, str]  # round of jobs, index of the job, done, total, text
_messages: "SimpleQueue[_Message] | None" = None  # in a worker: the way back for progress

_KEPT = threading.Lock()  # over the two below
_keepers = 0  # who asked for workers to be kept
_idle: "list[_Pool]" = []


def workers_of(setting: int | None) -> int:
    """The number of processes that a setting asks for; null: one per core that this process may use."""
    if setting is not None:
        return setting
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _ignore(index: int, result: Any) -> None:
    """For callers that wait for all results."""


def run_jobs(
    function: Callable[[Any, Progress], Any],
    jobs: Sequence[Any],
    workers: int,
    on_result: Callable[[int, Any], None] = _ignore,
    on_progress: OnProgress | None = None,
    isolated: bool = False,
) -> list[Any]:
    """`function(job, progress)` for every job in up to `workers` processes; results in the order of `jobs`.

    With one worker or one job everything runs in this process, unless `isolated` asks for a process of its own or workers
    are kept and wait, which have loaded their libraries already.
    `function` must be importable by name, jobs and results must survive pickling. Workers take the jobs in order.

    `on_result(index, result)` and `on_progress(index, done, total, text)` are called in this thread, as things happen;
    progress is thinned to 20 messages per second and worker, the last one of a job always comes.

    The first exception of a job is raised as it was, the other jobs are dropped and their workers killed; so it is with
    anything raised in this thread, KeyboardInterrupt included. A worker that dies raises BrokenProcessPool, after the
    results that were there have been handed to `on_result`.
    """
    if not isolated and (workers <= 1 or len(jobs) <= 1) and not (jobs and _kept(workers)):
        return _run_here(function, jobs, on_result, on_progress)
    pool = _Pool(max(1, min(workers, len(jobs)))) if isolated else _taken(workers)
    try:
        results = pool.run(function, jobs, on_result, on_progress)
    except BaseException:
        pool.kill()
        raise
    if isolated or not _given_back(pool):
        pool.close()
    return results


@contextmanager
def kept_workers() -> Iterator[None]:
    """Inside, a call of `run_jobs` leaves its workers to the next one, which need not load their libraries again.

    A worker of an isolated call is never kept, and neither are those of a call that failed.
    """
    global _keepers
    with _KEPT:
        _keepers += 1
    try:
        yield
    except BaseException:
        for pool in _released():
            pool.kill()
        raise
    for pool in _released():
        pool.close()


def warm_workers(workers: int, modules: Sequence[str]) -> None:
    """Inside `kept_workers`: start workers that import `modules` while this process does something else."""
    if workers > 1:
        pool = _Pool(workers)
        pool.warm(modules)
        if not _given_back(pool):
            pool.close()


@contextmanager
def beside(function: Callable[[Any, Progress], T], job: Any) -> Iterator[Callable[[], T]]:
    """Inside, a fresh process of its own does `function(job, progress)`; what is yielded waits for its result.

    The result's exception is raised there; a block that is left by one kills the process.
    """
    pool = _Pool(1)
    try:
        yield pool.start(function, job).result
    except BaseException:
        pool.kill()
        raise
    pool.close()


def _kept(workers: int) -> bool:
    """Whether a pool of that size waits for work."""
    with _KEPT:
        return any(pool.size == workers for pool in _idle)


def _released() -> "list[_Pool]":
    """What nobody keeps any longer."""
    global _keepers
    with _KEPT:
        _keepers -= 1
        over = [] if _keepers else [*_idle]
        if over:
            _idle.clear()
    return over


def _taken(workers: int) -> "_Pool":
    """An idle pool of that size whose workers live, or a new one."""
    with _KEPT:
        found = next((pool for pool in _idle if pool.size == workers), None)
        if found is not None:
            _idle.remove(found)
    if found is not None and not found.lives:
        found.kill()
        found = None
    return found or _Pool(workers)


def _given_back(pool: "_Pool") -> bool:
    """Whether somebody keeps it for the next call."""
    with _KEPT:
        if _keepers:
            _idle.append(pool)
        return bool(_keepers)


class _Pool:
    """Up to `size` workers, started as jobs need them, and the way back for their progress."""

    def __init__(self, size: int) -> None:
        context = multiprocessing.get_context("spawn")
        self.size = size
        self._round = 0  # of jobs: a message of an earlier one is nobody's
        self._messages: SimpleQueue[_Message] = context.SimpleQueue()
        self._pool = ProcessPoolExecutor(
            size, mp_context=context, initializer=_start_worker, initargs=(self._messages,)
        )

    def run(
        self,
        function: Callable[[Any, Progress], Any],
        jobs: Sequence[Any],
        on_result: Callable[[int, Any], None],
        on_progress: OnProgress | None,
    ) -> list[Any]:
        """The results of all jobs; see `run_jobs`."""
        self._round += 1
        back = None if on_progress is None else self._round
        with _spawning(function):
            futures = {self._pool.submit(_call, function, back, i, job): i for i, job in enumerate(jobs)}
        return self._collect(futures, on_result, on_progress)

    def start(self, function: Callable[[Any, Progress], T], job: Any) -> Future[T]:
        """One job, of whose progress nobody is told."""
        with _spawning(function):
            return self._pool.submit(_call, function, None, 0, job)

    def warm(self, modules: Sequence[str]) -> None:
        """Every worker imports `modules`; what is given to `run` waits for it."""
        with _spawning(_load):
            for _ in range(self.size):
                self._pool.submit(_load, modules)

    def _collect(
        self,
        futures: dict[Future[Any], int],
        on_result: Callable[[int, Any], None],
        on_progress: OnProgress | None,
    ) -> list[Any]:
        """Waits for all futures; results before failures, so that a dying worker loses only what was not finished."""
        results: list[Any] = [None] * len(futures)
        pending = set(futures)
        while pending:
            done, pending = wait(pending, timeout=None if on_progress is None else _POLL, return_when=FIRST_COMPLETED)
            while on_progress is not None and not self._messages.empty():
                back, index, n_done, total, text = self._messages.get()
                if back == self._round:
                    on_progress(index, n_done, total, text)
            for future in sorted(done, key=lambda f: (f.exception() is not None, futures[f])):
                results[futures[future]] = future.result()
                on_result(futures[future], results[futures[future]])
        return results

    @property
    def lives(self) -> bool:
        """Whether none of its workers has died: the system may kill an idle one too.

        Their sentinels say so as soon as they are gone. `is_alive` does not: it holds a process whose status somebody
        else has collected for alive, until the pool's own thread has seen the end.
        """
        return not connection.wait([process.sentinel for process in [*(self._pool._processes or {}).values()]], 0)

    def close(self) -> None:
        """Ends the workers, which have nothing left to do."""
        self._pool.shutdown(wait=True)
        self._messages.close()

    def kill(self) -> None:
        """Ends the workers at once. The pool sees them die and drops its jobs; it has no public way for it before 3.14.

        A job too large for the pipe would wait there for a reader for ever, and the pool for it: with the last reader gone
        its writing fails. CPython sees to that itself from 3.11.5 on (gh-94777).
        """
        for process in list((self._pool._processes or {}).values()):
            process.kill()
        queue = self._pool._call_queue  # type: ignore[attr-defined]
        if sys.version_info < (3, 11, 5) and queue is not None:
            # The pool's own thread may close it too: whoever takes the handle first does.
            handle, queue._reader._handle = queue._reader._handle, None
            if handle is not None:
                os.close(handle)
        self.close()


def _run_here(
    function: Callable[[Any, Progress], Any],
    jobs: Sequence[Any],
    on_result: Callable[[int, Any], None],
    on_progress: OnProgress | None,
) -> list[Any]:
    """One job after the other in this process; BLAS on one thread as in a worker: more of them wait for each other, and
    on a busy machine a baseline's many small products were seen 30 times slower."""
    results = []
    with threadpool_limits(limits=1, user_api="blas"):
        for index, job in enumerate(jobs):

            def progress(done: int, total: int, text: str, index: int = index) -> None:
                if on_progress is not None:
                    on_progress(index, done, total, text)

            results.append(function(job, progress))
            on_result(index, results[-1])
    return results


@contextmanager
def _spawning(function: Callable[..., Any]) -> Iterator[None]:
    """What must hold while workers are started.

    One thread per worker: numeric libraries read that from the environment when they load. No `__main__`: a spawned
    process imports its parent's main module again, which for a command line is every library of the application, and
    for a script without a guard starts the script anew. No signal in between, or a worker could be started that the
    pool does not know.
    """
    signals = {signal.SIGINT, signal.SIGTERM}
    main = sys.modules["__main__"]
    with _SPAWN:
        held = signal.pthread_sigmask(signal.SIG_BLOCK, signals)
        environment = {key: os.environ.get(key) for key in _ONE_THREAD}
        os.environ.update(_ONE_THREAD)
        if getattr(function, "__module__", None) != "__main__":
            sys.modules["__main__"] = ModuleType("__main__")
        try:
            yield
        finally:
            sys.modules["__main__"] = main
            for key, value in environment.items():
                if value is None:
                    del os.environ[key]
                else:
                    os.environ[key] = value
            signal.pthread_sigmask(signal.SIG_SETMASK, held)


def _start_worker(messages: "SimpleQueue[_Message]") -> None:
    """Runs first in every worker."""
    global _messages
    _messages = messages
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT, signal.SIGTERM})  # held while it was spawned
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """A killed parent (kill -9, out of memory) cannot end its workers; its end of this pipe closes whatever happens."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)


def _load(modules: Sequence[str]) -> None:
    for module in modules:
        import_module(module)


def _call(function: Callable[[Any, Progress], Any], back: int | None, index: int, job: Any) -> Any:
    """Runs one job in a worker; `back` is the round that its progress belongs to, null where nobody listens."""
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)
    sent = 0.0

    def progress(done: int, total: int, text: str) -> None:
        nonlocal sent
        now = time.monotonic()
        if _messages is not None and back is not None and (done >= total or now - sent >= _POLL):
            sent = now
            _messages.put((back, index, done, total, text[:_TEXT]))

    return function(job, progress)
