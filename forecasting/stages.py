"""Finished stage results on disk, addressed by what they were made from.

Comes in: a stage's name, the values it depends on, and a function that writes its files into an empty folder. Goes out: the
folder, complete or absent: it is filled under a temporary name and renamed when done, so a kill leaves no half result.
"""

import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

_SUMMARY = "summary.json"


@dataclass(frozen=True)
class StageResult:
    """One finished stage: where its files lie, what it tells, and whether it was found rather than made."""

    stage: str
    key: str
    folder: Path
    summary: dict[str, Any]
    reused: bool
    seconds: float


class StageStore:
    """All finished results below `folder`: `<stage>/<key>/`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def find(self, stage: str, inputs: Mapping[str, Any]) -> StageResult | None:
        """The finished result of these inputs, or None."""
        key = key_of(stage, inputs)
        folder = self.folder / stage / key
        if not (folder / _SUMMARY).exists():
            return None
        record = json.loads((folder / _SUMMARY).read_text(encoding="utf-8"))
        return StageResult(stage, key, folder, record["summary"], True, record["seconds"])

    def unfinished(self, stage: str, inputs: Mapping[str, Any]) -> Path:
        """Where the making of a result may keep what a kill must not lose; apart from the results, never swept."""
        return self.folder / "unfinished" / stage / key_of(stage, inputs)

    def run(self, stage: str, inputs: Mapping[str, Any], build: Callable[[Path], dict[str, Any]]) -> StageResult:
        """The result of these inputs: found, or made by `build(folder) -> summary`."""
        found = self.find(stage, inputs)
        if found is not None:
            return found
        key, started = key_of(stage, inputs), time.perf_counter()
        final = self.folder / stage / key
        scratch = final.with_name(f".{key}.{os.getpid()}")
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir(parents=True)
        try:
            summary = build(scratch)
            seconds = time.perf_counter() - started
            write_json(scratch / _SUMMARY, {"inputs": inputs, "summary": summary, "seconds": seconds})
            shutil.rmtree(final, ignore_errors=True)
            scratch.replace(final)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
        return StageResult(stage, key, final, summary, False, seconds)

    def sweep(self) -> int:
        """Remove what killed processes left unfinished; call it under the pipeline's lock. Returns how many."""
        left = [path for path in self.folder.glob("*/.*") if path.is_dir()]
        for path in left:
            shutil.rmtree(path, ignore_errors=True)
        return len(left)


def key_of(stage: str, inputs: Mapping[str, Any]) -> str:
    """16 hex digits over the stage, its inputs and the code that would make it."""
    text = json.dumps([stage, inputs, code_digest()], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@cache
def code_digest() -> str:
    """sha256 over this package's source files: a result made by other code is not reused."""
    root = Path(__file__).parent
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        digest.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def write_json(path: Path, value: object) -> None:
    """Write JSON so that a reader sees the old file or the whole new one."""
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    scratch.write_text(json.dumps(value, indent=1, sort_keys=True, default=str), encoding="utf-8")
    scratch.replace(path)
