"""A Prefect server of our own on loopback, where PREFECT_API_URL names none; needs nothing of Prefect in this process.

Prefect's own embedded server is not used: Ctrl-C ends it before the flow can report its end, kill -9 of the flow leaves
it running for good, and it never fires a schedule.
"""

import select
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from filelock import FileLock

from forecasting.environment import prefect_home, prefect_server
from forecasting.errors import InputError, ServiceError

_START_SECONDS = 900.0  # for one that hangs; a machine with twenty busy processes needs minutes
_LAST_LINES = 12
_STOP_SECONDS = 10.0


class OwnServer:
    """A server process with its state in `home`, started at once; it ends when told, or with this process however that ends.

    `fresh`: there was no state, and the server makes its tables first, for which it takes a quarter of a minute.
    """

    def __init__(self, home: Path, with_schedules: bool) -> None:
        self.home = home.absolute()
        self.home.mkdir(parents=True, exist_ok=True)
        self.fresh = not (self.home / "prefect.db").exists()
        self._log = self.home / "server.log"
        self._lock = FileLock(self.home / "server.lock")  # two first starts in one home would both make the tables
        self._lock.acquire()
        self._written_before = self._log.stat().st_size if self._log.exists() else 0
        self._address: str | None = None
        try:
            self._process = self._spawned(with_schedules)
        except BaseException:
            self._lock.release()
            raise

    def address(self) -> str:
        """Of its API, once it answers; raises ServiceError with the last lines that it wrote where it does not start."""
        if self._address is None:
            self._address = self._first_line()
            self._lock.release()
        return self._address

    @property
    def answered(self) -> bool:
        """Whether it has started, and somebody asked."""
        return self._address is not None

    def stop(self) -> None:
        """End it, at once where it is making its tables for nobody."""
        _pipe(self._process.stdin).close()
        if self.fresh and not self.answered:
            self._process.kill()
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        finally:
            _pipe(self._process.stdout).close()
            self._lock.release()

    def _spawned(self, with_schedules: bool) -> subprocess.Popen[str]:
        mode = "serve" if with_schedules else "run"
        with self._log.open("a", encoding="utf-8") as stderr:
            return subprocess.Popen(
                [sys.executable, "-m", "flows.server_process", str(self.home), mode],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
                start_new_session=True,
            )

    def _first_line(self) -> str:
        """The address, which the server writes once it answers."""
        stdout, deadline = _pipe(self._process.stdout), time.monotonic() + _START_SECONDS
        while not select.select([stdout], [], [], 0.2)[0]:
            if time.monotonic() > deadline:
                raise self._not_started(f"it does not answer after {_START_SECONDS:.0f} s")
        line = stdout.readline().strip()
        if not line:  # its end of the pipe is closed
            raise self._not_started(f"it ended with status {self._process.wait()}")
        return line

    def _not_started(self, how: str) -> ServiceError:
        with self._log.open(encoding="utf-8", errors="replace") as file:
            file.seek(self._written_before)
            lines = [line.rstrip() for line in file if line.strip()][-_LAST_LINES:]
        said = "".join(f"\n  {line}" for line in lines) or " nothing"
        return ServiceError(
            f"Prefect's server must start before a flow can run, {how}: mend what it says, or run with --plain; "
            f"log {self._log}, its last lines:{said}"
        )


@contextmanager
def own_server(workspace: Path, with_schedules: bool) -> Iterator[OwnServer | None]:
    """Our server for the block, its state below `workspace`; None where PREFECT_API_URL names another.

    Bad input writes nothing: where the block ends with InputError, or before the server has made its tables, what its first
    start left in the workspace goes again.
    """
    if prefect_server() is not None:
        yield None
        return
    server = OwnServer(prefect_home(workspace), with_schedules)
    useless = False
    try:
        yield server
    except BaseException as error:
        useless = server.fresh and (isinstance(error, InputError) or not server.answered)
        raise
    finally:
        server.stop()
        if useless:
            _forget(server.home, workspace.absolute())


def _forget(home: Path, workspace: Path) -> None:
    if home.is_relative_to(workspace):
        shutil.rmtree(home, ignore_errors=True)
        if workspace.is_dir() and not any(workspace.iterdir()):
            workspace.rmdir()


def _pipe(stream: IO[str] | None) -> IO[str]:
    assert stream is not None
    return stream
