import socket
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from dashboards.launch import APP, command, launch
from forecasting.errors import InputError


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
