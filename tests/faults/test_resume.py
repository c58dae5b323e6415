"""kill -9 on a real fit at random moments: it goes on from its newest checkpoint and ends in the same bytes."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from tests.conftest import tiny_config
from tests.faults.fit import VALID_EVERY

pytestmark = pytest.mark.slow


def start(folder: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.faults.fit", str(folder)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def read(process: subprocess.Popen[str], n_lines: int | None) -> list[list[str]]:
    """The next lines of a fit, all of them without a number."""
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line.split())
        if len(lines) == n_lines:
            break
    return lines


def state(folder: Path) -> list[bytes]:
    return [(folder / "state" / name).read_bytes() for name in ("network.safetensors", "forecaster.json")]


@pytest.mark.timeout(600)
def test_a_fit_killed_at_ten_random_moments_loses_an_interval_at_most_and_ends_in_the_same_bytes(tmp_path: Path):
    with start(tmp_path / "whole") as whole:
        n_lines = len(read(whole, None))
    assert whole.returncode == 0
    killed, safe, moments = 0, 0, random.Random(5)
    while killed < 12:
        with start(tmp_path / "killed") as process:
            lines = read(process, moments.randint(1, n_lines // 12))
            os.kill(process.pid, signal.SIGKILL)
            lines += read(process, None)
        assert process.returncode == -signal.SIGKILL
        killed += 1
        assert int(lines[0][1]) >= safe, "a checkpoint that was on the disk was lost"
        safe = max([safe, *(int(number) for word, number in lines if word == "look")])
        reached = max([safe, *(int(number) for word, number in lines if word == "step")])
        assert reached - safe <= VALID_EVERY
    with start(tmp_path / "killed") as last:
        assert int(read(last, None)[0][1]) >= safe > 0
    assert last.returncode == 0
    assert state(tmp_path / "killed") == state(tmp_path / "whole")


def run(config: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "forecasting.cli", "train", "--json", str(config)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)


def trained(workspace: Path) -> tuple[bytes, dict]:
    """The weights and the summary of the one network of a pipeline."""
    (folder,) = (workspace / "tiny" / "results" / "train").iterdir()
    summary = json.loads((folder / "result.json").read_text().splitlines()[0])["outcome"]
    return (folder / "state" / "network.safetensors").read_bytes(), summary


@pytest.mark.timeout(600)
def test_a_pipeline_killed_in_the_middle_of_a_fit_goes_on_with_that_fit(tmp_path: Path):
    ends = []
    for name in ("whole", "killed"):
        raw = tiny_config(tmp_path / name)
        network = raw["forecasters"][0] | {"training": {"max_steps": 3000, "valid_every": 20, "patience": 200}}
        raw |= {"forecasters": [network], "tuning": {"n_trials": 0}, "training": {"whole_history": False}}
        config = tmp_path / f"{name}.yaml"
        config.write_text(yaml.safe_dump(raw))
        if name == "killed":
            first = run(config)
            unfinished = tmp_path / name / "tiny" / "results" / "unfinished"
            while first.poll() is None and len(list(unfinished.glob("train/*/*.safetensors"))) < 2:
                time.sleep(0.01)
            assert first.poll() is None, "the fit ended before it could be killed"
            os.kill(first.pid, signal.SIGKILL)
            first.communicate()
        process = run(config)
        _, err = process.communicate()
        assert process.returncode == 0, err.decode()[-2000:]
        ends.append(trained(tmp_path / name))
    (weights, summary), (weights_again, summary_again) = ends
    assert weights == weights_again
    assert summary["history"] == summary_again["history"]
    assert (summary["notes"]["resumed_from_step"], summary_again["notes"]["resumed_from_step"] > 0) == (0, True)
    assert not list((tmp_path / "killed" / "tiny" / "results" / "unfinished").glob("train/*"))
