"""The registered model of a pipeline: comes in a saved forecaster, goes out a version, and the forecaster back by name.

A version is an MLflow pyfunc model that our installed loader reads: safetensors and JSON with their digests, no pickle
and no code. The same state registered again under a name is the same version.
"""

import re
import shutil
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import mlflow.artifacts
from mlflow.entities import LoggedModel, LoggedModelOutput, LoggedModelStatus
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException

from forecasting.errors import InputError
from forecasting.forecasters.saved import read_state, state_digest
from forecasting.tracking.model_folder import DATA, write_model
from forecasting.tracking.package import STATE, pack, unpack
from forecasting.tracking.runs import Tracker
from forecasting.tracking.store import reaching

CHAMPION = "champion"
CHALLENGER = "challenger"  # the newest candidate that did not pass the gate
DIGEST = "forecasting.digest"
_SHA256 = re.compile(r"[0-9a-f]{64}")
_URI = re.compile(r"(?:models:/)?([^/:@]+)(?:@([\w-]+)|/(\d+))?")


@dataclass(frozen=True)
class Resolved:
    """One version: who made it, the digest of its state, and where a checked copy of the state lies."""

    name: str
    version: str
    run_id: str  # MLflow's
    digest: str
    folder: Path
    tags: dict[str, str]


def register(tracker: Tracker, name: str, run: str, folder: Path, tags: Mapping[str, str]) -> str:
    """The version of `name` that holds the state in `folder`: found by its digest, or made as an output of `run`.

    Raises InputError where the folder holds anything but a saved forecaster with its serving.json.
    """
    digest = state_digest(folder)
    tags = {**tags, DIGEST: digest}
    with tempfile.TemporaryDirectory() as scratch:
        package = Path(scratch, DATA)
        pack(folder, package)
        with reaching(tracker.uri):
            found = _version_with(tracker, name, digest)
            if found is not None:
                return str(found.version)
            model = _logged_model(tracker, run, package, tags)
            return _create_version(tracker, name, model, run, tags)


def promote(tracker: Tracker, name: str, version: str, alias: str = CHAMPION) -> None:
    """Give `version` the alias champion, or another; a champion is no challenger any more."""
    with reaching(tracker.uri):
        tracker.client.set_registered_model_alias(name, alias, version)
        if alias == CHAMPION:
            with suppress(MlflowException):  # there may be none
                if str(tracker.client.get_model_version_by_alias(name, CHALLENGER).version) == version:
                    tracker.client.delete_registered_model_alias(name, CHALLENGER)


def annotate(tracker: Tracker, name: str, version: str, tags: Mapping[str, str], description: str) -> None:
    """Put tags and a description on a version: what the gate said of it the last time."""
    with reaching(tracker.uri):
        for key, value in tags.items():
            tracker.client.set_model_version_tag(name, version, key, value)
        tracker.client.update_model_version(name, version, description)


def resolve(tracker: Tracker, name_or_uri: str, into: Path | None = None) -> Resolved:
    """The version that `NAME`, `models:/NAME@ALIAS` or `models:/NAME/3` means now (NAME alone: its champion).

    Its state is downloaded once to `into`/<digest> (default: `models` in the workspace) and checked against the digest
    it was registered with. Raises InputError for an unknown name, alias or version, and for changed files.
    """
    match = _URI.fullmatch(name_or_uri)
    if match is None:
        raise InputError(
            f"a model must be NAME, models:/NAME@ALIAS or models:/NAME/VERSION, got {name_or_uri!r}: set --model"
        )
    name, alias, number = match.groups()
    with reaching(tracker.uri):
        try:
            if number is not None:
                found = tracker.client.get_model_version(name, number)
            else:
                found = tracker.client.get_model_version_by_alias(name, alias or CHAMPION)
        except MlflowException as error:
            if error.error_code not in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
                raise
            raise _unknown_version(tracker, name_or_uri, name) from None
        folder = _download(tracker, found, into or tracker.workspace / "models")
    return Resolved(
        name=name,
        version=str(found.version),
        run_id=str(found.run_id),
        digest=found.tags[DIGEST],
        folder=folder,
        tags=dict(found.tags),
    )


def _create_version(tracker: Tracker, name: str, model: LoggedModel, run: str, tags: dict[str, str]) -> str:
    try:
        tracker.client.create_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    location = model.artifact_location
    version = tracker.client.create_model_version(name, location, run, tags=tags, model_id=model.model_id)
    return str(version.version)


def _version_with(tracker: Tracker, name: str, digest: str) -> ModelVersion | None:
    """The newest version of `name` that holds this state."""
    found = tracker.client.search_model_versions(f"name = '{name}' and tags.`{DIGEST}` = '{digest}'")
    return max(found, key=lambda version: int(version.version), default=None)


def _logged_model(tracker: Tracker, run: str, package: Path, tags: Mapping[str, str]) -> LoggedModel:
    """The logged model of this state with its artifacts complete; one that a kill left pending is completed."""
    client = tracker.client
    found = client.search_logged_models(
        [tracker.experiment_id], f"tags.`{DIGEST}` = '{tags[DIGEST]}' and source_run_id = '{run}'"
    )
    if found and found[0].status == LoggedModelStatus.READY:
        return found[0]
    state = read_state(package / STATE)
    if found:
        model = found[0]
    else:
        name = re.sub(r"[/:.%\"']", "_", str(state["name"]))
        model = client.create_logged_model(
            tracker.experiment_id, name, source_run_id=run, tags=dict(tags), model_type=str(state["kind"])
        )
        client.log_outputs(run, [LoggedModelOutput(model.model_id, step=0)])
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch, "model")
        write_model(path, package, model, tags[DIGEST])
        client.log_model_artifacts(model.model_id, str(path))
    return client.finalize_logged_model(model.model_id, LoggedModelStatus.READY)


def _download(tracker: Tracker, version: ModelVersion, into: Path) -> Path:
    """The checked state of `version` in `into`/<digest>: there already, or downloaded beside it and renamed."""
    digest = version.tags.get(DIGEST, "")
    if not _SHA256.fullmatch(digest):
        raise InputError(
            f"a version must have the tag {DIGEST}, got {digest!r} on {version.name} version {version.version}: "
            "it was not registered by `forecast run`, use another"
        )
    final = into / digest
    if _intact(final, digest):
        return final / STATE
    into.mkdir(parents=True, exist_ok=True)
    uri = tracker.client.get_model_version_download_uri(version.name, version.version)
    with tempfile.TemporaryDirectory(dir=into) as scratch:
        copy = mlflow.artifacts.download_artifacts(
            artifact_uri=uri, dst_path=scratch, tracking_uri=tracker.uri, registry_uri=tracker.uri
        )
        package = Path(copy, DATA)
        if state_digest(unpack(package)) != digest:
            raise InputError(
                f"a version's files must have the digest it was registered with, those of {version.name} version "
                f"{version.version} have another: register it again"
            )
        shutil.rmtree(final, ignore_errors=True)
        try:
            package.replace(final)
        except OSError:
            if not _intact(final, digest):  # else another process was quicker
                raise
    return final / STATE


def _intact(package: Path, digest: str) -> bool:
    try:
        return state_digest(unpack(package)) == digest
    except InputError:
        return False


def _unknown_version(tracker: Tracker, asked: str, name: str) -> InputError:
    found = tracker.client.search_model_versions(f"name = '{name}'")
    versions = ", ".join(sorted((str(v.version) for v in found), key=int)) or "none"
    return InputError(
        f"a model must be registered before it is used, got {asked!r} (versions of {name}: {versions}): "
        "run `forecast run` first, or set --model"
    )
