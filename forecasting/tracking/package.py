"""A forecaster's state as it is registered: `state/` beside `digests.json`, the sha256 of each of its files.

Comes in a folder, goes out the same when it holds what was registered and nothing else: only JSON and safetensors,
never code or a pickle.
"""

import hashlib
import json
import shutil
from pathlib import Path

from forecasting.errors import InputError

STATE = "state"
DIGESTS = "digests.json"
SERVING = "serving.json"
ALLOWED = (".json", ".safetensors")


def pack(state: Path, package: Path) -> None:
    """Copy the saved forecaster `state` to `package`/state and write `package`/digests.json beside it.

    Raises InputError where `state` holds another type of file, a link, or no forecaster.json and serving.json.
    """
    names = _files(state)
    for required in ("forecaster.json", SERVING):
        if required not in names:
            raise InputError(f"a registered forecaster must have {required}, found {names} in {state}: save it again")
    shutil.copytree(state, package / STATE)
    digests = {name: _sha256(package / STATE / name) for name in names}
    (package / DIGESTS).write_text(json.dumps(digests, indent=1, sort_keys=True), encoding="utf-8")


def unpack(package: Path) -> Path:
    """`package`/state after a look at every file; raises InputError for a missing, further, changed or foreign file."""
    try:
        expected = json.loads((package / DIGESTS).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(
            f"a registered forecaster must have a readable {DIGESTS}, got {error}: register it again"
        ) from None
    state = package / STATE
    names = _files(state)
    if not isinstance(expected, dict) or sorted(expected) != names:
        raise InputError(
            f"a registered forecaster must hold exactly the files {sorted(expected)}, got {names} in {state}: "
            "register it again"
        )
    for name in names:
        if _sha256(state / name) != expected[name]:
            raise InputError(
                f"a registered forecaster's files must not change, {state / name} has another sha256 than {DIGESTS} "
                "says: register it again"
            )
    return state


def _files(folder: Path) -> list[str]:
    """Relative names of all files below `folder`, sorted; raises InputError for a link or a type that may hold code."""
    names = []
    for path in sorted(folder.rglob("*")):
        if path.is_symlink() or (not path.is_dir() and path.suffix not in ALLOWED):
            raise InputError(
                f"a registered forecaster may hold only {' and '.join(ALLOWED)} files, got {path}: remove it"
            )
        if path.is_file():
            names.append(path.relative_to(folder).as_posix())
    return sorted(names)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
