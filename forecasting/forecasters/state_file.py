"""The file that says what a saved forecaster is: written last and at once, so that a folder that holds it is complete."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def write_state_file(folder: Path, values: Mapping[str, Any]) -> None:
    """Write folder/forecaster.json, the old or the new one whole even when the machine stops; makes the folder.

    ValueError for NaN and infinities, which JSON does not have.
    """
    folder.mkdir(parents=True, exist_ok=True)
    unfinished = folder / f"forecaster.json.{os.getpid()}.tmp"
    with unfinished.open("w", encoding="utf-8") as file:
        file.write(json.dumps(values, indent=2, sort_keys=True, allow_nan=False) + "\n")
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(folder / "forecaster.json")
