import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from forecasting.errors import InputError
from forecasting.tracking.registry import promote, register, resolve
from forecasting.tracking.runs import Tracker, TrackingUnavailable
from forecasting.tracking.ui import serve_ui, ui_server


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_a_server_named_in_the_config_is_its_own_page() -> None:
    told: list[str] = []
    assert serve_ui("http://mlflow.company:5000", "", 5000, open_browser=False, tell=told.append) == 0
    assert told == ["MLflow is at http://mlflow.company:5000"]


def test_before_the_first_run_there_is_nothing_to_show(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"must have run before.*`forecast run` first"):
        serve_ui(f"sqlite:///{tmp_path}/mlflow.db", str(tmp_path), 5000, open_browser=False)
    assert list(tmp_path.iterdir()) == []


def test_a_port_that_is_taken_is_refused(tracker: Tracker) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(InputError, match=f"must be free on 127.0.0.1, got {port}.*--port"):
            serve_ui(tracker.uri, str(tracker.workspace), port, open_browser=False)


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_the_page_answers_only_on_loopback_names_and_ends_with_us(
    tracker: Tracker, number: signal.Signals, code: int
) -> None:
    port = _free_port()
    program = f"""
import sys
from forecasting.tracking.ui import serve_ui
sys.exit(serve_ui({tracker.uri!r}, {str(tracker.workspace / "artifacts")!r}, {port}, False))
"""
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == f"MLflow is at http://127.0.0.1:{port} (Ctrl-C ends it)\n"
    address = f"http://127.0.0.1:{port}/"
    assert b"MLflow" in urllib.request.urlopen(address).read()
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(urllib.request.Request(address, headers={"Host": "evil.com"}))
    process.send_signal(number)
    assert process.wait(30) == code
    process.stdout.close()
    with pytest.raises(urllib.error.URLError, match="refused"):
        urllib.request.urlopen(address)


@pytest.mark.slow
def test_a_server_as_store_takes_runs_and_models_until_it_goes_down(
    workspace: Path, tmp_path: Path, state: Path
) -> None:
    port = _free_port()
    with ui_server(f"sqlite:///{workspace}/mlflow.db", str(workspace / "artifacts"), port, []):
        remote = Tracker(f"http://127.0.0.1:{port}", None, tmp_path / "elsewhere", "remote")
        parent = remote.start_parent("run1", "run1", {"seed": 1}, {})
        with remote.child(parent, "k", "n", "trial") as run:
            remote.log(run, {"a": 1}, {"m": 1.0}, {})
            remote.log_history(run, [{"step": 1, "loss": 2.0}])
        promote(remote, "pipe", register(remote, "pipe", parent, state, {}))
        assert resolve(remote, "models:/pipe@champion").folder.is_relative_to(tmp_path / "elsewhere")
        with pytest.raises(InputError, match="must be registered"):
            resolve(remote, "models:/pipe@nobody")
    with pytest.raises(TrackingUnavailable):
        remote.end_parent(parent, "FINISHED")
