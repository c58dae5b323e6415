"""Forecasts of baselines that were made before, found again by what they were made from.

A baseline's forecast follows from the history that it may see, its settings, the task and the code; so the key is a
digest over these, and neither new data behind a cutoff nor another run makes it stale. Each call appends one file, whole
or not at all; where the files pass a bound, those that were not read for longest go.
"""

import hashlib
import os
import uuid
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from forecasting.code import code_digest, library_versions
from forecasting.forecasters.baselines.parallel import Timed
from forecasting.forecasters.baselines.settings import BaselineSettings
from forecasting.forecasters.protocol import Task
from forecasting.results import content_digest
from forecasting.series.arrays.series_arrays import FloatArray

_FITS = "forecasting.forecasters.baselines.forecaster"  # whose code, with all that it calls, makes the forecasts
_KEY_BYTES = 16
_MOST_FILES = 256  # of one baseline
_MOST_BYTES = 1 << 32  # of one baseline

Key = bytes


class ForecastCache:
    """What one baseline with one choice of settings has forecast; `folder` null remembers nothing."""

    def __init__(self, folder: Path | None, settings: BaselineSettings, task: Task) -> None:
        self._folder = None
        if folder is not None:
            # Its name and its cap change no forecast.
            made_by = {key: value for key, value in asdict(settings).items() if key not in ("name", "max_seconds")}
            inputs = [made_by, asdict(task), code_digest(_FITS), library_versions()]
            self._folder = folder / settings.kind / content_digest(inputs)

    def find(self, histories: Sequence[FloatArray]) -> list[Timed | None]:
        """The answer to each history with the seconds that it took, None where there is none yet."""
        found: dict[Key, Timed] = {}
        if self._folder is None:
            return [None] * len(histories)
        wanted = [_digest(history) for history in histories]
        missing = set(wanted)
        for path in sorted(self._folder.glob("*.npz")):
            if not missing:
                break
            hits = _read(path, missing)
            if hits:
                os.utime(path)
                found |= hits
                missing -= hits.keys()
        return [found.get(key) for key in wanted]

    def keep(self, histories: Sequence[FloatArray], answers: Sequence[Timed]) -> None:
        """Remember the answers, reasons for failures included."""
        if self._folder is None or not histories:
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        self._make_room()
        good = [answer for answer, _ in answers if not isinstance(answer, str)]
        unfinished = self._folder / f".{uuid.uuid4().hex}"
        with unfinished.open("wb") as file:
            np.savez(
                file,
                keys=np.frombuffer(b"".join(_digest(history) for history in histories), dtype=np.uint8),
                reasons=np.array([answer if isinstance(answer, str) else "" for answer, _ in answers]),
                seconds=np.array([seconds for _, seconds in answers]),
                y_hat=np.array([y_hat for y_hat, _ in good]),
                quantiles=np.array([quantiles for _, quantiles in good]),
            )
            file.flush()
            os.fsync(file.fileno())
        unfinished.rename(unfinished.with_name(f"{unfinished.name[1:]}.npz"))

    def _make_room(self) -> None:
        assert self._folder is not None
        files = sorted(((path.stat(), path) for path in self._folder.glob("*.npz")), key=lambda f: -f[0].st_mtime)
        size = 0
        for n, (stat, path) in enumerate(files):
            size += stat.st_size
            if n + 1 >= _MOST_FILES or size > _MOST_BYTES:
                path.unlink(missing_ok=True)


def _digest(history: FloatArray) -> Key:
    return hashlib.sha256(np.ascontiguousarray(history, dtype="<f8").tobytes()).digest()[:_KEY_BYTES]


def _read(path: Path, wanted: set[Key]) -> dict[Key, Timed]:
    """Those of the file's answers that are wanted; none where it cannot be read back as it was written."""
    try:
        return _answers(path, wanted)
    except (OSError, ValueError, KeyError, EOFError, BadZipFile):
        return {}


def _answers(path: Path, wanted: set[Key]) -> dict[Key, Timed]:
    with np.load(path, allow_pickle=False) as content:
        rows = content["keys"].reshape(-1, _KEY_BYTES)
        keys = [row.tobytes() for row in rows]
        if wanted.isdisjoint(keys):
            return {}
        reasons, y_hat, quantiles = content["reasons"].tolist(), content["y_hat"], content["quantiles"]
        seconds = content["seconds"].tolist()
    place = np.cumsum([not reason for reason in reasons]) - 1
    answers: dict[Key, Timed] = {}
    for i, key in enumerate(keys):
        if key in wanted:
            answer = reasons[i] or (y_hat[place[i]], quantiles[place[i]])
            answers[key] = answer, seconds[i]
    return answers
