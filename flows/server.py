"""Which Prefect server the flows of this process talk to: the one that PREFECT_API_URL names, or our own on loopback.

Prefect's own embedded server is not used: Ctrl-C ends it before the flow can report its end, kill -9 of the flow leaves
it running for good, and it never fires a schedule.
"""

import select
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from filelock import FileLock
from prefect import get_client
from prefect.events.worker import EventsWorker
from prefect.logging.handlers import APILogHandler
from prefect.settings import PREFECT_API_URL, PREFECT_FLOWS_HEARTBEAT_FREQUENCY, PREFECT_HOME, temporary_settings

from forecasting.errors import InputError, ServiceError

_START_SECONDS = 900.0  # for one that hangs; a machine with twenty busy processes needs minutes
_LAST_LINES = 12
_STOP_SECONDS = 10.0
_NO_HEARTBEAT = {PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}  # nobody listens, and every flow run waits a second for it


@contextmanager
def connected(home: Path, with_schedules: bool) -> Iterator[str]:
    """The API's address inside the block: the server named by PREFECT_API_URL, or our own with its state in `home`.

    Raises InputError where the named one does not answer.
    """
    named = PREFECT_API_URL.value()
    if named:
        _require_answer(named)
        yield named
        return
    with (
        own_server(home, with_schedules) as address,
        temporary_settings({**_NO_HEARTBEAT, PREFECT_HOME: home, PREFECT_API_URL: address}),
    ):
        try:
            yield address
        finally:
            _flush()


@contextmanager
def own_server(home: Path, with_schedules: bool) -> Iterator[str]:
    """A server process for the block: it ends with the block, or with this process however that ends.

    Raises ServiceError with the last lines that it wrote where it does not start; its log is `home/server.log`.
    """
    home = home.absolute()
    home.mkdir(parents=True, exist_ok=True)
    log = home / "server.log"
    with FileLock(home / "server.lock"):  # two first starts in one home would both create the tables
        before = log.stat().st_size if log.exists() else 0
        process = _spawn(home, log, with_schedules)
        try:
            address = _first_line(process, log, before)
        except BaseException:
            _stop(process)
            raise
    try:
        yield address
    finally:
        _stop(process)


def _spawn(home: Path, log: Path, with_schedules: bool) -> subprocess.Popen[str]:
    mode = "serve" if with_schedules else "run"
    with log.open("a", encoding="utf-8") as stderr:
        return subprocess.Popen(
            [sys.executable, "-m", "flows.server_process", str(home), mode],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            start_new_session=True,
        )


def _first_line(process: subprocess.Popen[str], log: Path, before: int) -> str:
    """The address that the server writes once it answers; `log` had `before` bytes when it was started."""
    stdout, deadline = _pipe(process.stdout), time.monotonic() + _START_SECONDS
    while not select.select([stdout], [], [], 0.2)[0]:
        if time.monotonic() > deadline:
            raise _not_started(f"it does not answer after {_START_SECONDS:.0f} s", log, before)
    line = stdout.readline().strip()
    if not line:  # its end of the pipe is closed
        raise _not_started(f"it ended with status {process.wait()}", log, before)
    return line


def _not_started(how: str, log: Path, before: int) -> ServiceError:
    with log.open(encoding="utf-8", errors="replace") as file:
        file.seek(before)
        lines = [line.rstrip() for line in file if line.strip()][-_LAST_LINES:]
    told = "".join(f"\n  {line}" for line in lines) or " nothing"
    return ServiceError(
        f"Prefect's server must start before a flow can run, {how}: mend what it says, or run with --plain; "
        f"log {log}, its last lines:{told}"
    )


def _stop(process: subprocess.Popen[str]) -> None:
    _pipe(process.stdin).close()
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    finally:
        _pipe(process.stdout).close()


def _require_answer(named: str) -> None:
    with get_client(sync_client=True) as client:
        failure = client.api_healthcheck()
    if failure is not None:
        raise InputError(
            f"PREFECT_API_URL must name a server that answers, got {named} ({failure}): start it, or unset it"
        )


def _flush() -> None:
    """Deliver what Prefect's threads still hold: states of tasks travel as events, and logs in batches."""
    EventsWorker.drain_all(timeout=_STOP_SECONDS)
    APILogHandler().flush()


def _pipe(stream: IO[str] | None) -> IO[str]:
    assert stream is not None
    return stream
