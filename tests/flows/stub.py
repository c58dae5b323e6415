"""A pipeline that costs nothing: its run notes each stage in `<workspace>/notes.txt` and does what `do` says of it."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from forecasting import pipeline
from forecasting.config import Config

RUN_ID = "0123456789abcdef"
Deed = Callable[[], None]


class StubRun:
    """Has the stages of a real run."""

    def __init__(self, notes: Path, do: Mapping[str, Deed]) -> None:
        self.run_id = RUN_ID
        self.notes = notes
        self.done: list[str] = []
        for stage in pipeline.STAGES:
            setattr(self, stage, lambda stage=stage: self._stage(stage, do.get(stage)))

    def _stage(self, name: str, deed: Deed | None) -> dict[str, Any]:
        note(self.notes, name)
        if deed is not None:
            deed()
        self.done.append(name)
        return {"stage": name}

    def summary(self) -> dict[str, Any]:
        return {"run_id": self.run_id, "stages": self.done}


def opener(do: Mapping[str, Deed] | None = None) -> Callable[[Config], Any]:
    """An `open_run` whose stages do as told."""

    @contextmanager
    def open_run(config: Config) -> Iterator[StubRun]:
        config.workspace.mkdir(parents=True, exist_ok=True)
        notes = config.workspace / "notes.txt"
        try:
            yield StubRun(notes, do or {})
        except BaseException as error:
            note(notes, type(error).__name__)
            raise
        finally:
            note(notes, "closed")

    return open_run


def note(notes: Path, text: str) -> None:
    with notes.open("a", encoding="utf-8") as file:
        file.write(f"{text}\n")


def noted(workspace: str | Path) -> list[str]:
    """What has been noted so far."""
    path = Path(workspace) / "notes.txt"
    return path.read_text(encoding="utf-8").split() if path.exists() else []


def sleep_long() -> None:
    time.sleep(900)  # longer than a test may take
