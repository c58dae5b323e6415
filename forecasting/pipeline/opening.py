"""Opens a run: one process at a time, and a record that is ended whatever happens."""

from collections.abc import Iterator
from contextlib import contextmanager

import filelock

from forecasting.config import Config
from forecasting.errors import InputError, LimitError, LockedError, StoppedError
from forecasting.pipeline.paths import Paths
from forecasting.pipeline.run import Run
from forecasting.series.store import SeriesStore


@contextmanager
def open_run(config: Config) -> Iterator[Run]:
    """A run under the pipeline's lock; its record is ended whatever happens. Raises LockedError if another run holds the lock."""
    run = Run(config)
    fresh = not run.paths.root.exists()
    run.paths.root.mkdir(parents=True, exist_ok=True)
    lock = filelock.FileLock(run.paths.lock, blocking=False)
    try:
        lock.acquire()
    except filelock.Timeout:
        raise LockedError(
            f"one run at a time may write {run.paths.root}, another one holds its lock: wait for it or use another workspace"
        ) from None
    try:
        run.store.sweep()
        SeriesStore(run.paths.root).sweep()
        yield run
        run.finish("FINISHED")
    except (KeyboardInterrupt, StoppedError):
        run.finish("KILLED")
        raise
    except BaseException as error:
        run.finish("FAILED")
        if fresh and isinstance(error, InputError | LimitError):
            _forget(run.paths)
        raise
    finally:
        lock.release()


def _forget(paths: Paths) -> None:
    """Bad input writes nothing: the folder made for the lock goes again, if nothing else came into it."""
    for path in (paths.lock, paths.stages):
        path.unlink(missing_ok=True) if path.is_file() else None
    for folder in (paths.root, paths.workspace):
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()
