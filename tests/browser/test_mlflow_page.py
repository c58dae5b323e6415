"""The reviewer's view: the parent run's page of a real run in a real browser."""

import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from playwright.sync_api import Browser

from tests.conftest import tiny_config

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def page_of_run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, dict]]:
    """The UI as `forecast ui` starts it, on the store of a finished run; yields its address and the run's summary."""
    from forecasting.config import parse_config
    from forecasting.stages.run import run

    folder = tmp_path_factory.mktemp("ui")
    config = folder / "tiny.yaml"
    config.write_text(yaml.safe_dump(tiny_config(folder / "workspace")))
    summary = run(parse_config(tiny_config(folder / "workspace")))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "forecasting.cli", "ui", str(config), "--port", str(port), "--no-browser"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for(f"http://127.0.0.1:{port}/health", process)
        yield f"http://127.0.0.1:{port}", summary
    finally:
        process.terminate()
        process.wait()


def wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    """As long as it takes while the process lives."""
    while True:
        assert process.poll() is None
        try:
            with urllib.request.urlopen(url):
                return
        except OSError:
            time.sleep(0.2)


def test_the_parent_run_shows_verdict_children_and_the_registered_champion(
    page_of_run, chromium: Browser, tmp_path: Path
):
    from mlflow import MlflowClient

    url, summary = page_of_run
    client = MlflowClient(url)
    run = client.get_run(summary.mlflow_run_id)
    page = chromium.new_page(viewport={"width": 1500, "height": 1100})
    page.goto(f"{url}/#/experiments/{run.info.experiment_id}/runs/{run.info.run_id}")
    page.get_by_text(summary.stages["promote"].sentence[:60]).first.wait_for(timeout=0)
    page.screenshot(path=tmp_path / "run.png")
    page.goto(f"{url}/#/models/tiny")
    page.get_by_text("champion").first.wait_for(timeout=0)
    page.screenshot(path=tmp_path / "model.png")
    page.close()
    assert (tmp_path / "run.png").stat().st_size > 20_000
