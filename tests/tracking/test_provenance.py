import subprocess
from pathlib import Path

import polars as pl

from forecasting.tracking.provenance import device_name, git_commit, provenance


def _git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), "-c", "user.name=a", "-c", "user.email=a@b", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def test_a_checkout_tells_its_commit_and_whether_files_differ(tmp_path: Path) -> None:
    _git(tmp_path, "init")
    (tmp_path / "a.py").write_text("1")
    _git(tmp_path, "add", "a.py")
    _git(tmp_path, "commit", "-m", "one")
    commit = _git(tmp_path, "rev-parse", "HEAD")
    assert git_commit(tmp_path) == (commit, False)
    (tmp_path / "a.py").write_text("2")
    assert git_commit(tmp_path) == (commit, True)


def test_a_folder_that_the_checkout_around_it_does_not_track_has_no_commit(tmp_path: Path) -> None:
    _git(tmp_path, "init")
    (tmp_path / "a.py").write_text("1")
    _git(tmp_path, "add", "a.py")
    _git(tmp_path, "commit", "-m", "one")
    (tmp_path / "site-packages").mkdir()
    assert git_commit(tmp_path / "site-packages") is None


def test_a_folder_outside_any_checkout_has_no_commit(tmp_path: Path) -> None:
    assert git_commit(tmp_path) is None


def test_a_run_knows_versions_machine_and_user() -> None:
    tags = provenance()
    assert f"polars {pl.__version__}" in tags["forecasting.packages"]
    assert tags["mlflow.user"]
    assert tags["forecasting.device_name"] == device_name("cpu") != ""
    assert all(isinstance(value, str) for value in tags.values())
