"""The connection to MLflow: comes in the config's `tracking` and the workspace, goes out a client that answers.

A store that cannot be used is one named error within seconds, so that a run can go on without it. A local database is
created under another name and renamed: a kill amid MLflow's schema migrations leaves nothing half-made.
"""

import sqlite3
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock
from mlflow import MlflowClient
from mlflow.entities import Run
from mlflow.exceptions import MlflowException
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
from sqlalchemy.exc import SQLAlchemyError

from forecasting.errors import ForecastingError

_CONNECT_SECONDS = 4.0
_WHO_ARE_YOU = (401, 403)
_KIND = {"mlflow.experimentKind": "custom_model_development"}  # the page shows training runs, not chat traces
_MISUSE = ("INVALID_PARAMETER_VALUE", "RESOURCE_ALREADY_EXISTS", "RESOURCE_DOES_NOT_EXIST", "INVALID_STATE")


class TrackingUnavailable(ForecastingError):  # noqa: N818 - a state of the world, not a mistake
    """MLflow's store cannot be reached or used: the run goes on, and the same command records it later."""


def store_uri(uri: str | None, workspace: Path) -> str:
    """Where runs go: `uri`, or the database `mlflow.db` in the workspace."""
    return uri or f"sqlite:///{workspace.absolute() / 'mlflow.db'}"


def artifact_root(uri: str | None, artifacts: str | None, workspace: Path) -> str | None:
    """Where artifacts go: `artifacts` (a folder is made absolute), or below the workspace; None: a server decides."""
    if artifacts is None:
        return None if is_server(store_uri(uri, workspace)) else (workspace.absolute() / "artifacts").as_uri()
    is_uri = "://" in artifacts or artifacts.startswith("mlflow-artifacts:")
    return artifacts if is_uri else Path(artifacts).absolute().as_uri()


def is_server(uri: str) -> bool:
    """Whether `uri` names a server rather than a database."""
    return uri.startswith(("http://", "https://"))


def open_client(uri: str) -> MlflowClient:
    """A client of the store at `uri`, created where it is a local database that does not exist.

    Raises TrackingUnavailable where it does not answer, is no database, or has another version of MLflow's schema.
    """
    with reaching(uri):
        if is_server(uri):
            _knock(uri)
        elif uri.startswith("sqlite:///"):
            _prepare(Path(uri.removeprefix("sqlite:///")))
        return MlflowClient(uri, uri)


@contextmanager
def reaching(uri: str) -> Iterator[None]:
    """Turn each error of a store that cannot be used into TrackingUnavailable; our own mistakes pass as they are."""
    try:
        yield
    except MlflowException as error:
        if error.error_code in _MISUSE:
            raise
        raise _unavailable(uri, error) from error
    except (OSError, sqlite3.Error, SQLAlchemyError) as error:
        raise _unavailable(uri, error) from error


def open_experiment(client: MlflowClient, name: str, location: str | None) -> str:
    """Id of the experiment `name`, made with artifacts at `location` where there is none, restored where deleted."""
    found = client.get_experiment_by_name(name)
    if found is None:
        try:
            return str(client.create_experiment(name, location, tags=_KIND))
        except MlflowException as error:
            found = client.get_experiment_by_name(name)  # another process may have made it just now
            if found is None or error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
    if found.lifecycle_stage != "active":
        client.restore_experiment(found.experiment_id)
    return str(found.experiment_id)


def search_runs(client: MlflowClient, experiment_id: str, condition: str) -> list[Run]:
    """All undeleted runs of the experiment that meet MLflow's `condition`."""
    runs: list[Run] = []
    token: str | None = None
    while True:
        page = client.search_runs([experiment_id], condition, page_token=token)
        runs += page
        token = page.token
        if not token:
            return runs


def _unavailable(uri: str, error: Exception) -> TrackingUnavailable:
    first_line = (str(error).strip() or type(error).__name__).splitlines()[0][:300]
    way_out = "start the server" if is_server(uri) else "mend the database or move it away"
    place = _without_password(uri)
    return TrackingUnavailable(
        f"MLflow's store must answer, got an error from {place}: {first_line}: {way_out}, or set tracking.uri"
    )


def _without_password(uri: str) -> str:
    scheme, separator, rest = uri.partition("://")
    return f"{scheme}{separator}{rest.rpartition('@')[2]}" if "@" in rest.partition("/")[0] else uri


def _knock(uri: str) -> None:
    """Raise OSError unless an MLflow server answers at `uri`, be it that it asks who we are."""
    try:
        urllib.request.urlopen(f"{uri.rstrip('/')}/health", timeout=_CONNECT_SECONDS).close()
    except urllib.error.HTTPError as error:
        if error.code not in _WHO_ARE_YOU:
            raise


def _prepare(path: Path) -> None:
    """Create the database at `path`, or look whether what is there can be read: MLflow itself would try for minutes."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(path.with_name(f".{path.name}.lock")):
            if not path.exists():
                _create(path)
    connection = sqlite3.connect(path)
    try:
        connection.execute("PRAGMA schema_version")
    finally:
        connection.close()


def _create(path: Path) -> None:
    scratch = path.with_name(f".{path.name}.new")
    for leftover in (scratch, scratch.with_name(f"{scratch.name}-journal")):
        leftover.unlink(missing_ok=True)
    artifacts = (path.parent / "artifacts").as_uri()
    store = SqlAlchemyStore(f"sqlite:///{scratch}", artifacts)  # type: ignore[no-untyped-call]
    store.engine.dispose()
    scratch.replace(path)
