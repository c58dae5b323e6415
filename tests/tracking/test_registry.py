import json
from pathlib import Path

import pytest

from forecasting.errors import InputError
from forecasting.forecasters.saved import load_forecaster, state_digest
from forecasting.tracking.registry import promote, register, resolve
from forecasting.tracking.runs import Tracker
from tests.tracking.states import SERVING, save_state


@pytest.fixture
def champion(tracker: Tracker, parent: str, state: Path) -> str:
    version = register(tracker, "pipe", parent, state, {"forecasting.model": "seasonal_naive"})
    promote(tracker, "pipe", version)
    return version


def test_a_champion_is_found_by_name_alias_and_version(
    tracker: Tracker, parent: str, state: Path, champion: str
) -> None:
    found = [resolve(tracker, uri) for uri in ("pipe", "models:/pipe@champion", f"models:/pipe/{champion}")]
    assert found[0] == found[1] == found[2]
    assert (found[0].version, found[0].run_id, found[0].digest) == ("1", parent, state_digest(state))
    assert found[0].tags["forecasting.model"] == "seasonal_naive"


def test_what_is_resolved_is_the_state_that_was_registered(tracker: Tracker, state: Path, champion: str) -> None:
    folder = resolve(tracker, "pipe").folder
    assert state_digest(folder) == state_digest(state)
    assert folder.is_relative_to(tracker.workspace)
    assert load_forecaster(folder).name == "seasonal_naive"


def test_the_same_state_is_one_version_and_another_state_another(
    tracker: Tracker, parent: str, state: Path, champion: str, tmp_path: Path
) -> None:
    other = save_state(tmp_path / "other", SERVING, "naive")
    assert register(tracker, "pipe", parent, state, {}) == champion
    assert register(tracker, "pipe", parent, other, {}) == "2"
    assert resolve(tracker, "pipe").version == "1"
    promote(tracker, "pipe", "2")
    assert resolve(tracker, "pipe").version == "2"


def test_a_registration_cut_short_by_a_kill_is_completed(tracker: Tracker, parent: str, state: Path) -> None:
    digest = state_digest(state)
    pending = tracker.client.create_logged_model(
        tracker.experiment_id, "seasonal_naive", parent, {"forecasting.digest": digest}
    )
    promote(tracker, "pipe", register(tracker, "pipe", parent, state, {}))
    assert state_digest(resolve(tracker, "pipe").folder) == digest
    models = tracker.client.search_logged_models([tracker.experiment_id])
    assert [(m.model_id, str(m.status)) for m in models] == [(pending.model_id, "READY")]


def test_the_artifact_holds_no_code_and_no_pickle(tracker: Tracker, champion: str, workspace: Path) -> None:
    files = {path.name for path in (workspace / "artifacts" / "models").rglob("*") if path.is_file()}
    assert files == {
        "MLmodel",
        "python_env.yaml",
        "requirements.txt",
        "digests.json",
        "forecaster.json",
        "serving.json",
    }
    requirements = next((workspace / "artifacts" / "models").rglob("requirements.txt")).read_text()
    assert "torch==" in requirements
    assert "forecasting" not in requirements


def test_the_signature_names_history_and_quantiles(tracker: Tracker, parent: str, tmp_path: Path) -> None:
    from mlflow.models import Model

    folder = save_state(tmp_path / "dated", SERVING | {"freq": "1mo", "known_future": ["price"]})
    register(tracker, "dated", parent, folder, {})
    (path,) = (tracker.workspace / "artifacts" / "models").rglob("MLmodel")
    signature = Model.load(str(path)).signature
    assert signature.inputs.input_names() == ["unique_id", "ds", "y", "price"]
    assert signature.inputs.required_input_names() == ["unique_id", "ds", "y"]
    assert [str(t) for t in signature.inputs.input_types()[:3]] == [
        "DataType.string",
        "DataType.datetime",
        "DataType.double",
    ]
    assert signature.outputs.input_names()[4:8] == ["y_hat", "q10", "q50", "q90"]


@pytest.mark.parametrize("file", ["code.py", "weights.pt", "state.pkl"])
def test_a_state_with_another_type_of_file_is_refused(tracker: Tracker, parent: str, state: Path, file: str) -> None:
    (state / file).write_text("")
    with pytest.raises(InputError, match=rf"only \.json and \.safetensors files, got .*{file}"):
        register(tracker, "pipe", parent, state, {})
    assert tracker.client.search_registered_models() == []


def test_a_state_without_serving_is_refused(tracker: Tracker, parent: str, state: Path) -> None:
    (state / "serving.json").unlink()
    with pytest.raises(InputError, match=r"must have serving\.json"):
        register(tracker, "pipe", parent, state, {})


@pytest.mark.parametrize("asked", ["nobody", "models:/pipe@best", "models:/pipe/9"])
def test_an_unknown_model_is_named_with_the_known_versions(tracker: Tracker, champion: str, asked: str) -> None:
    with pytest.raises(InputError, match=r"must be registered.*versions of \w+: (1|none)"):
        resolve(tracker, asked)


@pytest.mark.parametrize("asked", ["", "models:/pipe/latest", "runs:/abc/model", "models:/a/b/c", "../pipe"])
def test_what_is_no_model_uri_is_refused(tracker: Tracker, asked: str) -> None:
    with pytest.raises(InputError, match="must be NAME"):
        resolve(tracker, asked)


def test_files_changed_in_the_artifact_store_are_refused(tracker: Tracker, champion: str, workspace: Path) -> None:
    (data,) = (workspace / "artifacts" / "models").rglob("forecaster.json")
    data.write_text(data.read_text() + " ")
    with pytest.raises(InputError, match="must not change"):
        resolve(tracker, "pipe")


def test_files_changed_together_with_their_digests_are_refused(
    tracker: Tracker, champion: str, workspace: Path
) -> None:
    from forecasting.tracking.package import pack

    (package,) = (path.parent for path in (workspace / "artifacts" / "models").rglob("digests.json"))
    state = package / "state"
    changed = json.loads((state / "forecaster.json").read_text()) | {"name": "other"}
    (state / "forecaster.json").write_text(json.dumps(changed))
    state = state.rename(workspace / "changed")
    (package / "digests.json").unlink()
    pack(state, package)
    with pytest.raises(InputError, match="must have the digest it was registered with"):
        resolve(tracker, "pipe")


def test_a_damaged_local_copy_is_fetched_again(tracker: Tracker, state: Path, champion: str) -> None:
    folder = resolve(tracker, "pipe").folder
    (folder / "forecaster.json").write_text("{}")
    assert state_digest(resolve(tracker, "pipe").folder) == state_digest(state)


def test_a_version_that_somebody_else_registered_is_refused(tracker: Tracker, parent: str) -> None:
    tracker.client.create_registered_model("theirs")
    tracker.client.create_model_version("theirs", "file:///nowhere", parent)
    with pytest.raises(InputError, match=r"must have the tag forecasting\.digest"):
        resolve(tracker, "models:/theirs/1")
