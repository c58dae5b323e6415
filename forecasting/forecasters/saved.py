"""Saved forecasters: from a folder back to the forecaster, and one digest over all that the folder holds."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from forecasting.errors import InputError, unknown
from forecasting.forecasters.baselines.forecaster import load as load_baseline
from forecasting.forecasters.blend import load as load_blend
from forecasting.forecasters.protocol import Forecaster
from forecasting.forecasters.recurrent import ensemble
from forecasting.forecasters.recurrent.forecaster import load as load_network
from forecasting.forecasters.recurrent.state import FORMAT as RECURRENT_FORMAT
from forecasting.results import Aside

_FORMATS = {
    "baseline": 1,
    "ensemble": ensemble.FORMAT,
    "blend": 1,
    "recurrent": RECURRENT_FORMAT,
}  # the newest format of each kind; older ones are read too


@dataclass(frozen=True)
class SavedState:
    """A saved forecaster as what a result depends on: by its digest, wherever it lies."""

    folder: Aside[Path]
    digest: str

    @classmethod
    def at(cls, folder: Path) -> "SavedState":
        """The state in `folder` as it is now."""
        return cls(folder, state_digest(folder))


def load_forecaster(folder: Path, device: str = "cpu", workers: int = 1, cache: Path | None = None) -> Forecaster:
    """The forecaster that `save` wrote to `folder`; a network computes on `device`, a baseline in `workers` processes.

    `cache` is the folder where a baseline finds what it forecast before; null: it fits every time.

    InputError where the folder holds none, or one of a format or kind that this version does not know.
    """
    state = read_state(folder)
    if state["kind"] == "ensemble":
        return ensemble.load(folder, state, device)
    if state["kind"] == "recurrent":
        return load_network(folder, device)
    if state["kind"] == "blend":
        return load_blend(folder, lambda member: load_forecaster(member, device, workers, cache))
    return load_baseline(folder, workers, cache)


def read_state(folder: Path) -> dict[str, Any]:
    """folder/forecaster.json: format, kind, name, task, settings and what else its forecaster keeps there."""
    path = folder / "forecaster.json"
    try:
        state = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"a saved forecaster must hold a readable forecaster.json, got {path}: {error}") from None
    if not isinstance(state, dict):
        raise InputError(f"a saved forecaster must be a mapping, got {type(state).__name__} in {path}: train it again")
    kind, newest = state.get("kind"), _FORMATS.get(str(state.get("kind")))
    if newest is None:
        raise unknown("the kind of a saved forecaster", kind, [*_FORMATS], f"kind in {path}")
    version = state.get("format")
    if type(version) is not int or not 1 <= version <= newest:
        raise InputError(
            f"a saved forecaster of kind {kind} must have a format from 1 to {newest}, got {version!r} in {path}: "
            "use the version of this package that wrote it, or train it again"
        )
    return state


def state_digest(folder: Path) -> str:
    """sha256 (hex) over the relative names, sorted, and the bytes of all files below `folder`."""
    digest = hashlib.sha256()
    files = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    for name, path in sorted(files.items()):
        content = path.read_bytes()
        digest.update(f"{len(name.encode())}:{name}:{len(content)}:".encode())
        digest.update(content)
    return digest.hexdigest()
