"""Real kills of a real run: at any moment the old state or the new one, and a rerun completes it."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest
import yaml
from mlflow import MlflowClient

from tests.conftest import tiny_config

pytestmark = pytest.mark.slow

COMMAND = [sys.executable, "-m", "forecasting.cli", "run", "--plain", "--json"]


def start(config: Path, seed: int, workers: int = 1) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [*COMMAND, str(config), "--set", f"seed={seed}", "--set", f"workers={workers}"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def wait_for(process: subprocess.Popen[bytes], stage: bytes) -> None:
    """Until the run has told that this stage is finished."""
    assert process.stderr is not None
    for line in process.stderr:
        if line.split()[1:2] == [stage]:
            return
    raise AssertionError(f"the run ended before {stage!r}")


def finish(config: Path, seed: int) -> None:
    process = start(config, seed)
    _, err = process.communicate()
    assert process.returncode == 0, err.decode()[-2000:]


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("kills")
    path = folder / "tiny.yaml"
    path.write_text(yaml.safe_dump(tiny_config(folder / "workspace")))
    return path


@pytest.fixture(scope="module")
def seconds(config: Path) -> float:
    finish(config, 0)
    begun = time.monotonic()
    finish(config, 1)
    return time.monotonic() - begun


def check_state(config: Path) -> None:
    """No torn table, no doubled key, no run left RUNNING."""
    root = config.parent / "workspace"
    for table, key in {
        "forecasts": ["unique_id", "cutoff", "ds"],
        "backtest": ["run_id", "model", "unique_id", "cutoff", "ds"],
        "scores": ["run_id", "model", "unique_id", "cutoff", "metric"],
    }.items():
        rows = pl.read_delta(str(root / "tiny" / table))
        assert rows.height
        assert not rows.select(key).is_duplicated().any(), table
    client = MlflowClient(f"sqlite:///{root / 'mlflow.db'}")
    experiments = [e.experiment_id for e in client.search_experiments()]
    runs = client.search_runs(experiments, max_results=5000)
    assert not [r.info.run_name for r in runs if r.info.status == "RUNNING"]


@pytest.mark.timeout(1500)
def test_a_run_killed_at_twenty_random_moments_is_completed_by_a_rerun(config, seconds):
    moments = random.Random(20)
    killed = 0
    for seed in range(100, 120):
        process = start(config, seed)
        try:
            process.wait(moments.uniform(0.1, 0.9) * seconds)
        except subprocess.TimeoutExpired:
            os.kill(process.pid, signal.SIGKILL)
            killed += 1
        process.communicate()
        finish(config, seed)
        check_state(config)
    assert killed >= 10


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_stopped_run_says_that_it_can_go_on_and_does(config, number, code):
    seed = 200 + code
    process = start(config, seed)
    wait_for(process, b"window")  # training comes next
    os.kill(process.pid, number)
    _, err = process.communicate()
    assert process.returncode == code, err.decode()[-2000:]
    assert "run the same command again to go on" in err.decode()
    finish(config, seed)
    check_state(config)


def test_no_worker_outlives_a_killed_run(config):
    process = start(config, 300, workers=2)
    wait_for(process, b"window")
    while len(members(process.pid)) < 2:
        assert process.poll() is None, "the run ended before it had a worker"
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    while members(process.pid):
        time.sleep(0.2)


def members(session: int) -> list[int]:
    """Processes of a session that are still there."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
            except OSError:
                continue
            if int(fields[3]) == session and fields[0] != "Z":
                found.append(int(entry.name))
    return found
