"""A real MLflow store per test: the empty database is made once, by several at a time, and copied."""

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from forecasting.tracking.runs import Tracker
from tests.tracking.states import SERVING, save_state


@pytest.fixture(scope="session")
def first_start(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """A workspace after four pipelines, two of each name, began in it at once; and the ids of their experiments.

    It held the rest of a creation that was killed.
    """
    folder = tmp_path_factory.mktemp("store")
    (folder / ".mlflow.db.new").write_bytes(b"half a database")
    (folder / ".mlflow.db.new-journal").write_bytes(b"half a journal")
    with ThreadPoolExecutor(4) as pool:
        ids = list(pool.map(lambda name: Tracker(None, None, folder, name).experiment_id, ["a", "b", "a", "b"]))
    return folder, ids


@pytest.fixture
def workspace(tmp_path: Path, first_start: tuple[Path, list[str]]) -> Path:
    """A workspace whose path has a space, with an empty store in it."""
    folder = tmp_path / "my work"
    folder.mkdir()
    shutil.copy(first_start[0] / "mlflow.db", folder)
    return folder


@pytest.fixture
def tracker(workspace: Path) -> Tracker:
    return Tracker(None, None, workspace, "pipe")


@pytest.fixture
def parent(tracker: Tracker) -> str:
    return tracker.start_parent("run1", "pipe run1", {"seed": 7}, {"forecasting.pipeline": "pipe"})


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A saved seasonal naive forecaster of two steps over seasons of two, with its serving.json."""
    return save_state(tmp_path / "state", SERVING)
