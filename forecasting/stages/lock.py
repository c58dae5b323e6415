"""The pipeline's lock: one process at a time writes below its folder."""

from collections.abc import Iterator
from contextlib import contextmanager

import filelock

from forecasting.errors import InputError, LimitError, LockedError
from forecasting.series.table.store import SeriesStore
from forecasting.stages.paths import Paths
from forecasting.stages.plan import Plan


@contextmanager
def locked(plan: Plan) -> Iterator[None]:
    """Inside, nobody else writes, and what killed processes left is swept up. LockedError if another run holds the lock."""
    paths = plan.paths
    fresh = not paths.root.exists()
    paths.root.mkdir(parents=True, exist_ok=True)
    lock = filelock.FileLock(paths.lock, blocking=False)
    try:
        lock.acquire()
    except filelock.Timeout:
        raise LockedError(
            f"one run at a time may write {paths.root}, another one holds its lock: wait for it or use another workspace"
        ) from None
    try:
        plan.results.sweep()
        SeriesStore(paths.root).sweep()
        yield
    except (InputError, LimitError):
        if fresh:
            _forget(paths)
        raise
    finally:
        lock.release()


def _forget(paths: Paths) -> None:
    """Bad input writes nothing: the folder made for the lock goes again, if nothing else came into it."""
    for path in (paths.lock, paths.results):
        path.unlink(missing_ok=True) if path.is_file() else None
    for folder in (paths.root, paths.workspace):
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()
