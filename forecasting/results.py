"""Finished results, found by what they were made from: the job's fields, the code that makes it, the libraries it counts with.

A job is a frozen dataclass with keyword-only fields. Its result is a folder, complete or absent: filled under a temporary
name, synced, and renamed. What cannot be read back as it was written counts as absent and is made again.
"""

import hashlib
import json
import os
import shutil
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields, is_dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Annotated, Any, ClassVar, Generic, TypeVar, cast, get_type_hints

import numpy as np
from pydantic import BaseModel, ValidationError

from forecasting.code import code_digest, library_versions
from forecasting.processes import Progress, run_jobs

_RECORD = "result.json"
OutcomeT = TypeVar("OutcomeT", bound=BaseModel)
T = TypeVar("T")
Aside = Annotated[T, "aside"]  # the type of a field that says only where a job is done or how fast: no part of its key
Tell = Callable[[str, int, int, str], None]  # label of the jobs, done, total, what to show beside the bar


@dataclass(frozen=True, kw_only=True)
class Making:
    """What `make` is given: an empty `folder` that becomes the result's, and `kept`, a folder that survives a kill and is
    removed once the result is there.
    """

    key: str
    folder: Path
    kept: Path
    progress: Progress


@dataclass(frozen=True, kw_only=True)
class Job(ABC, Generic[OutcomeT]):
    """One result to be made; a subclass says its `kind`, the model of its outcome, and how it is made."""

    kind: ClassVar[str]
    outcome: ClassVar[type[BaseModel]]

    @abstractmethod
    def make(self, making: Making) -> OutcomeT:
        """Write the files into `making.folder` and return what came out."""

    @property
    def label(self) -> str:
        """What progress is told of; jobs of one label are told together, those without one not at all."""
        return ""

    @property
    def size(self) -> int:
        """Its part of the work of all jobs with this label, in the unit that progress is counted in."""
        return 1

    @property
    def here(self) -> bool:
        """Whether it is done in this process, because another one would cost more than it saves."""
        return False


@dataclass(frozen=True, kw_only=True)
class Result(Generic[OutcomeT]):
    """One finished job: where its files lie, what came out, and whether it was found rather than made."""

    key: str
    folder: Aside[Path]
    outcome: Aside[OutcomeT]
    reused: Aside[bool]
    seconds: Aside[float]


def silent(label: str, done: int, total: int, text: str) -> None:
    """For callers that show nothing."""


class Results:
    """All finished results below `folder`, as `<kind>/<key>/`; missing ones are made in up to `workers` processes."""

    def __init__(self, folder: Path, workers: int = 1) -> None:
        self.folder, self.workers = folder, workers
        self._read: dict[str, Result[Any]] = {}  # files are compared with their digests once

    def find(self, job: Job[OutcomeT]) -> Result[OutcomeT] | None:
        """The finished result of this job, None where there is none that can be read back as it was written."""
        return self._found(job, key_of(job))

    def run(self, jobs: Sequence[Job[OutcomeT]], tell: Tell = silent) -> list[Result[OutcomeT]]:
        """The results of all jobs in their order; processes are started only for those that are not found."""
        keys = [key_of(job) for job in jobs]
        found = {key: self._found(job, key) for key, job in zip(keys, jobs, strict=True)}
        missing = {key: job for key, job in zip(keys, jobs, strict=True) if found[key] is None}
        progress = _Progress(missing.values(), tell)
        for key in [key for key, job in missing.items() if job.here]:
            job = missing.pop(key)
            found[key] = _make(_Order(self.folder, job, key), progress.of(job))
            progress.finish(job)
        rest = list(missing.values())
        made = run_jobs(
            _make,
            [_Order(self.folder, job, key) for key, job in missing.items()],
            self.workers,
            on_result=lambda i, _: progress.finish(rest[i]),
            on_progress=lambda i, done, total, text: progress.of(rest[i])(done, total, text),
        )
        found |= dict(zip(missing, made, strict=True))
        return [cast("Result[OutcomeT]", found[key]) for key in keys]

    def sweep(self) -> int:
        """Remove what killed processes left unfinished; call it under the pipeline's lock. Returns how many."""
        left = [path for path in self.folder.glob("*/.*") if path.is_dir()]
        for path in left:
            shutil.rmtree(path, ignore_errors=True)
        return len(left)

    def _found(self, job: Job[OutcomeT], key: str) -> Result[OutcomeT] | None:
        if key not in self._read:
            result = read_result(self.folder / job.kind / key, key, job.outcome)
            if result is None:
                return None
            self._read[key] = result
        return self._read[key]


def key_of(job: Job[Any]) -> str:
    """16 hex digits over the job's fields, the versions of the libraries that decide values, and the code that makes it."""
    made_by = [code_digest(type(job).__module__), library_versions()]
    text = json.dumps([job.kind, content_of(job), *made_by], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def content_digest(value: Any) -> str:
    """16 hex digits over a value alone."""
    return hashlib.sha256(json.dumps(content_of(value), sort_keys=True).encode()).hexdigest()[:16]


def content_of(value: Any) -> Any:
    """A value of a job's field as JSON that is equal where the values are: arrays by their bytes, results by their key.

    TypeError for a value without content of its own, such as a path: mark the field as `Aside`.
    """
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, date):
        return [type(value).__name__, value.isoformat()]
    if isinstance(value, np.ndarray):
        digest = hashlib.sha256(np.ascontiguousarray(value).tobytes()).hexdigest()
        return [str(value.dtype), list(value.shape), digest]
    if isinstance(value, list | tuple):
        return [content_of(item) for item in value]
    if isinstance(value, dict):
        return {str(key): content_of(item) for key, item in value.items()}
    if is_dataclass(value) and not isinstance(value, type):
        return {name: content_of(getattr(value, name)) for name in _keyed_fields(type(value))}
    raise TypeError(
        f"a job's field must hold values, got {type(value).__name__}: mark it as `Aside` or hold its digest"
    )


def read_result(folder: Path, key: str, outcome: type[BaseModel]) -> Result[Any] | None:
    """The result in `folder`, None where a byte of it is not as it was written or the outcome is of another shape."""
    try:
        text, _, digest = (folder / _RECORD).read_text(encoding="utf-8").rstrip("\n").rpartition("\n")
        if hashlib.sha256(text.encode()).hexdigest() != digest:
            return None
        record = json.loads(text)
        if record["files"] != _file_digests(folder):
            return None
        told = outcome.model_validate(record["outcome"])
        return Result(key=key, folder=folder, outcome=told, reused=True, seconds=float(record["seconds"]))
    except (OSError, ValueError, KeyError, TypeError, ValidationError):
        return None


def write_json(path: Path, value: object) -> None:
    """Write JSON so that a reader sees the old file or the whole new one, even when the machine stops."""
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    with scratch.open("w", encoding="utf-8") as file:
        file.write(json.dumps(value, indent=1, sort_keys=True, default=str))
        file.flush()
        os.fsync(file.fileno())
    scratch.replace(path)


@dataclass(frozen=True)
class _Order:
    """A job on its way to the process that does it."""

    folder: Path
    job: Job[Any]
    key: str


def _make(order: _Order, progress: Progress) -> Result[Any]:
    """Do a job and put its result into place."""
    job, started = order.job, time.perf_counter()
    final = order.folder / job.kind / order.key
    scratch = final.with_name(f".{order.key}.{os.getpid()}")
    kept = order.folder / "unfinished" / job.kind / order.key
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    try:
        told = job.make(Making(key=order.key, folder=scratch, kept=kept, progress=progress))
        seconds = time.perf_counter() - started
        _seal(scratch, told, seconds)
        shutil.rmtree(final, ignore_errors=True)
        scratch.replace(final)
        sync(final.parent)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    shutil.rmtree(kept, ignore_errors=True)
    return Result(key=order.key, folder=final, outcome=told, reused=False, seconds=seconds)


def _seal(folder: Path, outcome: BaseModel, seconds: float) -> None:
    """Everything in `folder` on the disk, and beside it the record with its digests and one of its own in the last line."""
    record = {"outcome": outcome.model_dump(), "seconds": seconds, "files": _file_digests(folder)}
    text = json.dumps(record, sort_keys=True)
    (folder / _RECORD).write_text(f"{text}\n{hashlib.sha256(text.encode()).hexdigest()}\n", encoding="utf-8")
    for path in [*folder.rglob("*"), folder]:
        sync(path)


def _file_digests(folder: Path) -> dict[str, str]:
    """sha256 of every file below `folder` but the record, by relative name."""
    files = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    files.pop(_RECORD, None)
    return {name: _file_digest(path) for name, path in files.items()}


def _file_digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sync(path: Path) -> None:
    """What was written to a file or folder is on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@cache
def _keyed_fields(kind: type) -> list[str]:
    """The fields of a dataclass that decide its value."""
    hints = get_type_hints(kind, include_extras=True)
    return [f.name for f in fields(kind) if "aside" not in getattr(hints[f.name], "__metadata__", ())]


class _Progress:
    """Progress of all jobs with one label: that of the job itself where it is alone, else over their sizes."""

    def __init__(self, jobs: Iterable[Job[Any]], tell: Tell) -> None:
        self._tell, self._jobs, self._done = tell, list(jobs), dict[str, int]()

    def of(self, job: Job[Any]) -> Progress:
        """How a job tells how far it is."""

        def progress(done: int, total: int, text: str) -> None:
            if job.label and total:
                self._now(job, done, total, text)

        return progress

    def finish(self, job: Job[Any]) -> None:
        """One job is done."""
        if job.label and not self._alone(job):
            self._done[job.label] = self._done.get(job.label, 0) + job.size
            self._tell(job.label, self._done[job.label], self._total(job), "")

    def _now(self, job: Job[Any], done: int, total: int, text: str) -> None:
        if self._alone(job):
            self._tell(job.label, done, total, text)
            return
        all_of_it = self._total(job)
        now = min(self._done.get(job.label, 0) + job.size * done / total, all_of_it)
        self._tell(job.label, round(now), all_of_it, text)

    def _alone(self, job: Job[Any]) -> bool:
        return job.size == 1 and sum(other.label == job.label for other in self._jobs) == 1

    def _total(self, job: Job[Any]) -> int:
        return sum(other.size for other in self._jobs if other.label == job.label)
