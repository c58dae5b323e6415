"""MLflow's page on the runs of a store: comes in where they lie, goes out a server on loopback that ends with us.

MLflow itself is left to the child process; nothing of it is imported here.
"""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import webbrowser
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import IO

from forecasting.environment import mlflow_server_environment
from forecasting.errors import ForecastingError, InputError

HOST = "127.0.0.1"
_TRAINING = "?workflowType=machine_learning"  # the page's side for training runs; the other is for chat traces
_START_SECONDS = 120.0
_STOP_SECONDS = 10.0

Server = subprocess.Popen[bytes]


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def serve_ui(uri: str, artifacts: str, port: int, open_browser: bool, tell: Callable[[str], None] = _say) -> int:
    """Show the runs at `uri` on http://127.0.0.1:`port` until Ctrl-C or SIGTERM; returns the exit code (130 or 143).

    Where `uri` is a server already, its own page is opened (0). `tell` gets the line with the address. Raises
    InputError where there are no runs or the port is taken, ForecastingError where the server does not start.
    """
    if uri.startswith(("http://", "https://")):
        tell(f"MLflow is at {uri}")
        if open_browser:
            webbrowser.open(uri)
        return 0
    with _signals() as received, ui_server(uri, artifacts, port, received) as server:
        address = f"http://{HOST}:{port}"
        if not received:
            tell(f"MLflow is at {address} (Ctrl-C ends it)")
            if open_browser:
                webbrowser.open(f"{address}/#/experiments{_TRAINING}")
        while not received:
            try:
                return server.wait(0.2)
            except subprocess.TimeoutExpired:
                continue
    return 128 + received[0]


@contextmanager
def ui_server(uri: str, artifacts: str, port: int, received: list[int]) -> Iterator[Server]:
    """The server for the block, answering when it begins (unless a signal was `received`), gone when it ends."""
    if uri.startswith("sqlite:///") and not Path(uri.removeprefix("sqlite:///")).exists():
        raise InputError(f"a pipeline must have run before its runs can be shown, found no {uri}: `forecast run` first")
    _require_free(port)
    command = [sys.executable, "-m", "mlflow", "server", "--host", HOST, "--port", str(port), "--workers", "1"]
    command += ["--default-artifact-root", artifacts, "--artifacts-destination", artifacts]
    command += ["--uvicorn-opts", "--log-level warning"]
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            command, env=mlflow_server_environment(uri), stdout=log, stderr=log, start_new_session=True
        )
        try:
            _await_answer(process, port, received, log)
            yield process
        finally:
            _end(process)


def _require_free(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except (OSError, OverflowError) as error:
            raise InputError(f"the port must be free on {HOST}, got {port} ({error}): set --port") from None


def _await_answer(process: Server, port: int, received: list[int], log: IO[bytes]) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while process.poll() is None and time.monotonic() < deadline and not received:
        try:
            urllib.request.urlopen(f"http://{HOST}:{port}/health", timeout=2).close()
            return
        except (urllib.error.URLError, TimeoutError, ConnectionError):
            time.sleep(0.1)
    if not received:
        log.seek(0)
        last = log.read().decode(errors="replace").strip()[-2000:]
        raise ForecastingError(f"MLflow's server must answer within {_START_SECONDS:.0f} s, it did not:\n{last}")


def _end(process: Server) -> None:
    """SIGTERM to the server and its worker (they are a session of their own), SIGKILL to what is left."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
            process.wait(_STOP_SECONDS)
        except ProcessLookupError:
            return
        except subprocess.TimeoutExpired:
            continue


@contextmanager
def _signals() -> Iterator[list[int]]:
    """A list that SIGINT and SIGTERM append their number to while the block runs."""
    received: list[int] = []

    def note(number: int, _frame: FrameType | None) -> None:
        received.append(number)

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
