import os
from pathlib import Path

import pytest

from forecasting.environment import git_environment, mlflow_server_environment, prefect_home, quiet, user_name


def test_quiet_turns_telemetry_off_where_nothing_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DO_NOT_TRACK", raising=False)
    monkeypatch.delenv("RAY_USAGE_STATS_ENABLED", raising=False)
    quiet()
    assert os.environ["DO_NOT_TRACK"] == "true"
    assert os.environ["RAY_USAGE_STATS_ENABLED"] == "0"


def test_quiet_leaves_what_a_user_has_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_LOGGING_LEVEL", "DEBUG")
    quiet()
    assert os.environ["PREFECT_LOGGING_LEVEL"] == "DEBUG"


def test_prefect_keeps_its_state_below_the_workspace(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PREFECT_HOME", "")
    monkeypatch.delenv("PREFECT_HOME")
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    assert prefect_home(tmp_path) == tmp_path / "prefect"
    assert os.environ["PREFECT_HOME"] == str(tmp_path / "prefect")


def test_a_prefect_home_that_is_set_stays(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PREFECT_HOME", "/somewhere")
    assert prefect_home(tmp_path) == Path("/somewhere")
    assert os.environ["PREFECT_HOME"] == "/somewhere"


def test_a_prefect_server_keeps_its_own_state(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("PREFECT_HOME", raising=False)
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:4200/api")
    prefect_home(tmp_path)
    assert "PREFECT_HOME" not in os.environ


def test_children_get_our_variables_and_their_own() -> None:
    server = mlflow_server_environment("sqlite:////x.db")
    assert server["MLFLOW_BACKEND_STORE_URI"] == "sqlite:////x.db"
    assert server["MLFLOW_DISABLE_TELEMETRY"] == "true"
    assert git_environment()["GIT_OPTIONAL_LOCKS"] == "0"
    assert server["PATH"] == git_environment()["PATH"] == os.environ["PATH"]


def test_the_user_has_a_name() -> None:
    assert user_name()
