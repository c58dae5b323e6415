"""The process of a Prefect server: a home folder and a lifeline (stdin) come in, an API on a loopback port goes out.

`python -m flows.server_process HOME run|serve` writes its API's address as one line to stdout once it answers, and ends
when its stdin ends: when whoever started it closes it or dies, be it by kill -9. `run` has what running a flow needs,
`serve` adds the scheduler and the web page.
"""

import os
import socket
import sys
import threading
from pathlib import Path

import uvicorn

_GRACE_SECONDS = 3


class _Server(uvicorn.Server):
    """uvicorn, which tells when it answers."""

    def __init__(self, config: uvicorn.Config, address: str) -> None:
        super().__init__(config)
        self._address = address

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        sys.stdout.write(f"{self._address}\n")
        sys.stdout.flush()


def main(home: Path, with_schedules: bool) -> None:
    """Serve until stdin ends."""
    listener = socket.create_server(("127.0.0.1", 0))
    address = f"http://127.0.0.1:{listener.getsockname()[1]}/api"
    os.environ.update(_settings(home, address, with_schedules))
    config = uvicorn.Config(
        "prefect.server.api.server:create_app",  # a string: Prefect reads its settings when it is imported
        factory=True,
        lifespan="on",
        log_level="error",
        access_log=False,
        timeout_graceful_shutdown=1,
    )
    server = _Server(config, address)
    threading.Thread(target=_end_with_stdin, args=(server,), daemon=True).start()
    server.run(sockets=[listener])


def _settings(home: Path, address: str, with_schedules: bool) -> dict[str, str]:
    settings = {
        "PREFECT_HOME": str(home),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_LOGGING_LEVEL": "ERROR",
        "PREFECT_SERVER_UI_ENABLED": str(with_schedules).lower(),
        "PREFECT_SERVER_UI_API_URL": address,
        "PREFECT_SERVER_UI_STATIC_DIRECTORY": str(home / "ui"),  # not the folder of the installed package
        "PREFECT__SERVER_FINAL": "1",
    }
    return settings if with_schedules else {**settings, "PREFECT__SERVER_EPHEMERAL": "1"}


def _end_with_stdin(server: uvicorn.Server) -> None:
    while os.read(0, 4096):  # not sys.stdin: Python aborts at its end where a thread holds that one's lock
        pass
    server.should_exit = True
    timer = threading.Timer(_GRACE_SECONDS, os._exit, (0,))
    timer.daemon = True
    timer.start()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2] == "serve")
