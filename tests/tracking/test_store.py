import socket
import sqlite3
from pathlib import Path

import pytest
from mlflow.exceptions import MlflowException

from forecasting.tracking.runs import Tracker, TrackingUnavailable
from forecasting.tracking.store import artifact_root, reaching, store_uri


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_a_local_store_lies_below_the_workspace(tmp_path: Path) -> None:
    assert store_uri(None, tmp_path) == f"sqlite:///{tmp_path}/mlflow.db"
    assert artifact_root(None, None, tmp_path) == f"file://{tmp_path}/artifacts"


def test_a_server_decides_on_its_artifacts_unless_told(tmp_path: Path) -> None:
    assert artifact_root("http://127.0.0.1:5000", None, tmp_path) is None
    assert artifact_root("http://127.0.0.1:5000", "s3://bucket/x", tmp_path) == "s3://bucket/x"
    assert artifact_root(None, str(tmp_path / "x"), tmp_path) == f"file://{tmp_path}/x"


def test_pipelines_that_start_at_once_share_one_store(first_start: tuple[Path, list[str]]) -> None:
    _, (a, b, a_again, b_again) = first_start
    assert a == a_again != b == b_again


def test_a_creation_that_was_killed_leaves_nothing_in_the_way(first_start: tuple[Path, list[str]]) -> None:
    folder, _ = first_start
    assert {path.name for path in folder.iterdir()} == {"mlflow.db", ".mlflow.db.lock"}


def test_a_deleted_experiment_is_restored(tracker: Tracker, workspace: Path) -> None:
    tracker.client.delete_experiment(tracker.experiment_id)
    assert Tracker(None, None, workspace, "pipe").experiment_id == tracker.experiment_id
    assert tracker.start_parent("run1", "again", {}, {})


def test_a_server_that_is_down_is_one_named_error(tmp_path: Path) -> None:
    with pytest.raises(TrackingUnavailable, match=r"must answer.*refused.*tracking\.uri"):
        Tracker(f"http://127.0.0.1:{_free_port()}", None, tmp_path, "pipe")


def test_a_file_that_is_no_database_is_the_same_error_at_once(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").write_text("no database at all" * 100)
    with pytest.raises(TrackingUnavailable, match="not a database"):
        Tracker(None, None, tmp_path, "pipe")


def test_a_database_of_another_mlflow_names_the_way_out(first_start: tuple[Path, list[str]], tmp_path: Path) -> None:
    path = tmp_path / "mlflow.db"
    path.write_bytes((first_start[0] / "mlflow.db").read_bytes())
    connection = sqlite3.connect(path)
    connection.execute("UPDATE alembic_version SET version_num = '0a8213491aaa'")
    connection.commit()
    connection.close()
    with pytest.raises(TrackingUnavailable, match="db upgrade"):
        Tracker(None, None, tmp_path, "pipe")


def test_a_password_is_not_told() -> None:
    with pytest.raises(TrackingUnavailable) as caught, reaching("postgresql://ann:secret@host/db"):
        raise ConnectionRefusedError("refused")
    assert "secret" not in str(caught.value)
    assert "postgresql://host/db" in str(caught.value)


def test_our_own_mistakes_are_not_called_unavailable(tracker: Tracker) -> None:
    with pytest.raises(MlflowException, match="not found"):
        tracker.log("0" * 32, {}, {"a": 1.0}, {})
