"""One Prefect server for all tests of flows in this process, with its state in a folder of its own."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings

from flows.own_server import OwnServer
from flows.server import connected
from tests.conftest import tiny_config


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The API of a running server."""
    own = OwnServer(tmp_path_factory.mktemp("prefect"), with_schedules=False)
    try:
        with temporary_settings(restore_defaults={PREFECT_API_URL}), connected(own) as api:
            yield api
    finally:
        own.stop()


@pytest.fixture
def values(tmp_path: Path, server: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A config as plain values, in a workspace of its own, with the server at hand."""
    monkeypatch.setenv("PREFECT_API_URL", server)  # so that nothing sets PREFECT_HOME for the tests that follow
    return tiny_config(tmp_path / "workspace")
