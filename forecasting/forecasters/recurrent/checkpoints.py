"""Checkpoints of one fit on disk: tensors and values as one safetensors file, the newest whole one and the one before.

A file is written beside its place, synced, and renamed, so that a kill or a power cut leaves the old one or the new one.
One that cannot be read, or that another version of torch or another kind of device wrote, is passed over: the fit then
goes on from the one before, or starts anew, and ends in the same weights.
"""

import json
import platform
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from forecasting.results import sync
from forecasting.training.state import FitState

_KEPT = 2


class CheckpointFolder:
    """`<folder>/<number>.safetensors`, higher is newer. One fit writes to a folder at a time."""

    def __init__(self, folder: Path, device: torch.device) -> None:
        self.folder, self.device = folder, device
        self.written_by = {"torch": torch.__version__, "device": device.type, "machine": platform.machine()}

    def load(self) -> FitState | None:
        """The newest state that can be gone on from, None where there is none."""
        for path in reversed(self._files()):
            state = self._read(path)
            if state is not None:
                return state
        return None

    def save(self, state: FitState) -> None:
        """Keep this state as the newest."""
        self.folder.mkdir(parents=True, exist_ok=True)
        files = self._files()
        number = int(files[-1].stem) + 1 if files else 1
        values = json.dumps({"written_by": self.written_by, "values": state.values}, allow_nan=False)
        place = self.folder / f"{number:08d}.safetensors"
        beside = place.with_suffix(".tmp")
        save_file({k: t.cpu().contiguous() for k, t in state.tensors.items()}, beside, metadata={"state": values})
        sync(beside)
        beside.replace(place)
        sync(self.folder)
        for old in self._files()[:-_KEPT]:
            old.unlink()

    def clear(self) -> None:
        """Remove all: the fit is finished and its result is kept elsewhere."""
        for path in [*self.folder.glob("*.safetensors"), *self.folder.glob("*.tmp")]:
            path.unlink(missing_ok=True)
        if self.folder.is_dir():
            self.folder.rmdir()

    def _files(self) -> list[Path]:
        return sorted(self.folder.glob("*.safetensors"))

    def _read(self, path: Path) -> FitState | None:
        try:
            with safe_open(path, framework="pt", device=str(self.device)) as file:
                state: dict[str, Any] = json.loads(file.metadata()["state"])
                if state["written_by"] != self.written_by:
                    return None
                return FitState({name: file.get_tensor(name) for name in file.keys()}, state["values"])  # noqa: SIM118
        except (SafetensorError, OSError, ValueError, KeyError, TypeError):
            return None
