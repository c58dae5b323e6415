"""Saved forecasters: from a folder back to the forecaster, and one digest over all that the folder holds."""

import hashlib
import json
from pathlib import Path
from typing import Any

from forecasting.errors import InputError, unknown
from forecasting.forecasters.local import load as load_baseline
from forecasting.forecasters.protocol import Forecaster
from forecasting.forecasters.recurrent import load as load_network

_FORMAT = 1
_KINDS = ["baseline", "recurrent"]


def load_forecaster(folder: Path, device: str = "cpu", workers: int = 1) -> Forecaster:
    """The forecaster that `save` wrote to `folder`; a network computes on `device`, a baseline in `workers` processes.

    InputError where the folder holds none, or one of a format or kind that this version does not know.
    """
    state = read_state(folder)
    if state["kind"] == "recurrent":
        return load_network(folder, device)
    return load_baseline(folder, workers)


def read_state(folder: Path) -> dict[str, Any]:
    """folder/forecaster.json: format, kind, name, task, settings and what else its forecaster keeps there."""
    path = folder / "forecaster.json"
    try:
        state = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"a saved forecaster must hold a readable forecaster.json, got {path}: {error}") from None
    if not isinstance(state, dict) or state.get("format") != _FORMAT:
        found = state.get("format") if isinstance(state, dict) else state
        raise InputError(f"a saved forecaster must have format {_FORMAT}, got {found!r} in {path}: train it again")
    if state.get("kind") not in _KINDS:
        raise unknown("the kind of a saved forecaster", state.get("kind"), _KINDS, f"kind in {path}")
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
