"""Serves the dashboard of one pipeline on this machine alone; reading and drawing is `app.py`'s."""

import os
import socket
import sys
from pathlib import Path

from forecasting.errors import InputError
from forecasting.figures.theme import FONT

APP = Path(__file__).with_name("app.py")
HOST = "127.0.0.1"
OPTIONS = (
    ("server.address", HOST),
    ("server.allowedHosts", HOST),
    ("server.allowedHosts", "localhost"),
    ("server.fileWatcherType", "none"),
    ("server.showEmailPrompt", "false"),
    ("browser.gatherUsageStats", "false"),
    ("logger.hideWelcomeMessage", "true"),  # with it goes an offer to install Streamlit's skills for coding agents
    ("client.toolbarMode", "minimal"),
    ("client.showErrorDetails", "type"),
    ("theme.base", "light"),
    ("theme.font", FONT),
    ("theme.primaryColor", "#0072B2"),
    ("theme.backgroundColor", "#f5f7f9"),
    ("theme.secondaryBackgroundColor", "#ffffff"),
    ("theme.textColor", "#1f2933"),
    ("theme.borderColor", "#d9e0e6"),
    ("theme.showWidgetBorder", "true"),
)


def command(workspace: Path, name: str, port: int, open_browser: bool = False) -> list[str]:
    """The argument list that serves pipeline `name` of `workspace` at http://127.0.0.1:`port` until it is ended."""
    given = (("server.port", str(port)), ("server.headless", str(not open_browser).lower()))
    options = [part for key, value in (*given, *OPTIONS) for part in (f"--{key}", value)]
    return [
        sys.executable,
        "-m",
        "streamlit",
        "run",
        str(APP),
        *options,
        "--",
        "--workspace",
        str(workspace),
        "--name",
        name,
    ]


def launch(workspace: Path, name: str, port: int, open_browser: bool) -> int:
    """Say where, and become the dashboard's server: this process is replaced, so signals reach it and none is left behind.

    The exit code is the server's. Raises InputError where the port is taken.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except (OSError, OverflowError) as error:
            raise InputError(f"the port must be a free one, got {port} ({error}): give another with --port") from None
    arguments = command(workspace, name, port, open_browser)
    sys.stdout.write(f"dashboard of {name}: http://{HOST}:{port} (Ctrl-C ends it)\n")
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(arguments[0], arguments)
