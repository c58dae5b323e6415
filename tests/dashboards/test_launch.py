import os
import socket
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import pytest

from dashboards.launch import APP, command, launch
from forecasting.errors import InputError

_CONFIG = """
name: mine
data: {source: {kind: builtin, name: co2}, freq: 1w, season_length: 52}
task: {horizon: 2}
"""


def test_the_server_binds_to_loopback_and_sends_no_statistics() -> None:
    arguments = command(Path("/w"), "co2", 8600)
    options = list(pairwise(arguments))
    assert arguments[:5] == [sys.executable, "-m", "streamlit", "run", str(APP)]
    assert ("--server.address", "127.0.0.1") in options
    assert ("--browser.gatherUsageStats", "false") in options
    assert ("--server.headless", "true") in options
    assert arguments[-5:] == ["--", "--workspace", "/w", "--name", "co2"]


def test_the_browser_opens_only_where_it_is_asked_for() -> None:
    arguments = command(Path("/w"), "co2", 8600, open_browser=True)
    assert arguments[arguments.index("--server.headless") + 1] == "false"


def test_a_port_that_is_taken_is_named_with_the_way_out() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(InputError, match=rf"got {port} .*--port"):
            launch(Path("/w"), "co2", port, open_browser=False)


def test_the_terminal_says_where_it_is_and_nothing_of_streamlits_own(tmp_path: Path) -> None:
    config = tmp_path / "mine.yaml"
    config.write_text(_CONFIG)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    served = subprocess.Popen(
        [sys.executable, "-m", "forecasting.cli", "dashboard", str(config), "--port", str(port)],
        stdout=subprocess.PIPE,
        env={**os.environ, "BROWSER": "true"},
        text=True,
    )
    assert served.stdout is not None
    try:
        first = served.stdout.readline()
        _wait_until_it_answers(served, port)
    finally:
        served.terminate()
        rest, _ = served.communicate()
    assert first == f"dashboard of mine: http://127.0.0.1:{port} (Ctrl-C ends it)\n"
    assert "agents" not in rest
    assert "http" not in rest


def _wait_until_it_answers(served: "subprocess.Popen[str]", port: int) -> None:
    while served.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
