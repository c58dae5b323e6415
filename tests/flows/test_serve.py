"""A served schedule and a flow run as processes: they do their work, and end without leaving anything behind."""

import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil
import pytest

from tests.flows.stub import noted

pytestmark = pytest.mark.slow


@contextmanager
def program(what: str, workspace: Path, flow: str) -> Iterator[subprocess.Popen[bytes]]:
    """The program in a process group of its own, with no Prefect setting of this process."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    command = [sys.executable, "-m", "tests.flows.program", what, str(workspace), flow]
    with (workspace.parent / "output.txt").open("ab") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, env=environment, start_new_session=True)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def wait_for(condition: Callable[[], bool], process: subprocess.Popen[bytes], what: str) -> None:
    """Until it holds, however slow the machine is, as long as the program lives."""
    while not condition():
        assert process.poll() is None, f"the program ended before {what}"
        time.sleep(0.1)


def output(workspace: Path) -> str:
    return (workspace.parent / "output.txt").read_text(encoding="utf-8")


def states(workspace: Path) -> list[str]:
    """States of all flow runs that began, oldest first."""
    with sqlite3.connect(workspace / "prefect" / "prefect.db") as db:
        rows = db.execute("select state_name from flow_run where start_time is not null order by start_time").fetchall()
    db.close()
    return [name for (name,) in rows]


def family(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    return [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]


def assert_all_gone(processes: list[psutil.Process]) -> None:
    psutil.wait_procs(processes)  # returns once they are


def port(workspace: Path) -> int:
    return int(re.findall(r"page is http://127\.0\.0\.1:(\d+)", output(workspace))[-1])


def assert_port_is_free(workspace: Path) -> None:
    listening = {c.laddr.port for c in psutil.net_connections("tcp") if c.status == psutil.CONN_LISTEN}
    assert port(workspace) not in listening


def test_a_served_interval_fires_flow_runs_until_sigterm_ends_it_with_server_and_port(tmp_path):
    workspace = tmp_path / "workspace"
    with program("serve", workspace, "quick") as process:
        wait_for(lambda: noted(workspace).count("closed") >= 3, process, "scheduled flow runs")
        processes = family(process)
        page = f"http://127.0.0.1:{port(workspace)}"
        assert httpx.get(f"{page}/ui-settings").json()["api_url"] == f"{page}/api"
        process.terminate()
        assert process.wait() == 143, output(workspace)
    assert_all_gone(processes)
    assert_port_is_free(workspace)
    assert states(workspace).count("Completed") >= 2
    assert "Running" not in states(workspace)
    assert re.search(r"train +every 2 s +next \d{4}-", output(workspace))


def test_a_signal_to_the_whole_group_cancels_the_flow_run_under_way(tmp_path):
    workspace = tmp_path / "workspace"
    with program("serve", workspace, "endless") as process:
        wait_for(lambda: "train" in noted(workspace), process, "a flow run")
        processes = family(process)
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait() == 130, output(workspace)
    assert_all_gone(processes)
    assert "closed" in noted(workspace)
    assert states(workspace)[0] in ("Cancelled", "Crashed")
    assert "Running" not in states(workspace)


def test_kill_9_of_the_schedule_ends_its_server_and_its_flow_run_and_the_next_one_starts_afresh(tmp_path):
    workspace = tmp_path / "workspace"
    with program("serve", workspace, "endless") as process:
        wait_for(lambda: "train" in noted(workspace), process, "a flow run")
        processes = family(process)
        assert len(processes) == 3  # the schedule, its server, a flow run
        process.kill()
        assert_all_gone(processes)
    assert_port_is_free(workspace)
    assert noted(workspace) == ["ingest", "train", "Terminated", "closed"]
    with program("serve", workspace, "quick") as process:
        wait_for(
            lambda: noted(workspace).count("predict") >= 1 and noted(workspace)[-1] == "closed", process, "a flow run"
        )
        process.terminate()
        assert process.wait() == 143, output(workspace)
    assert states(workspace)[0] == "Crashed"
    assert "Running" not in states(workspace)


def test_kill_9_of_a_flow_run_ends_its_server(tmp_path):
    workspace = tmp_path / "workspace"
    with program("run", workspace, "endless") as process:
        wait_for(lambda: "train" in noted(workspace), process, "the flow run")
        processes = family(process)
        assert len(processes) == 2
        process.kill()
        assert_all_gone(processes)


@pytest.mark.parametrize(("signum", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_ctrl_c_reaches_the_flow_before_its_server_and_the_flow_run_is_crashed(tmp_path, signum, code):
    workspace = tmp_path / "workspace"
    with program("run", workspace, "endless") as process:
        wait_for(lambda: "train" in noted(workspace), process, "the flow run")
        processes = family(process)
        os.killpg(process.pid, signum)
        assert process.wait() == code
    assert_all_gone(processes)
    assert states(workspace) == ["Crashed"]
    assert "Traceback" not in output(workspace)
    assert "run the same command again to go on" in output(workspace)


def test_bad_input_leaves_nothing_of_prefect_behind(tmp_path):
    workspace = tmp_path / "workspace"
    with program("run", workspace, "bad_input") as process:
        assert process.wait() == 2, output(workspace)
    assert output(workspace) == "rule, value, way out\n"
    assert not (workspace / "prefect").exists()
