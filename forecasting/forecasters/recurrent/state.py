"""The saved state of a recurrent forecaster: network.safetensors and forecaster.json, no pickle.

Each file is written beside its place and moved there whole; forecaster.json comes last, so that it stands only beside
weights that are complete. A state of an older format is brought to the current one when it is read, step by step.
"""

import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from forecasting.errors import InputError
from forecasting.forecasters.protocol import Task, write_state_file
from forecasting.forecasters.recurrent.inputs import FittedInputs, inputs_from_json
from forecasting.forecasters.recurrent.settings import RecurrentSettings, settings_from_dict

FORMAT = 2
JSON_FILE, WEIGHTS_FILE = "forecaster.json", "network.safetensors"

Values = dict[str, Any]
Weights = dict[str, Tensor]


_FIXED_IN_1: Values = {
    "strategy": "direct",
    "decoder": "parallel",
    "bidirectional": False,
    "encoding": {"kind": "steps", "length": None},
    "residual_layers": False,
    "static": "steps",
    "transform": "none",
    "head": "quantiles",
}


def _from_1(values: Values, weights: Weights) -> tuple[Values, Weights]:
    """The decoder of encoder_decoder became a part of its own; what can be set since then was as it is written here."""
    parts = {
        "bridge.": "decoder.bridge.hidden.",
        "memory.": "decoder.bridge.memory.",
        "steps.": "decoder.steps.",
        "decoder.layers.": "decoder.recurrence.layers.",
        "out.": "decoder.out.",
    }
    if values["settings"]["topology"] == "encoder_decoder":
        weights = {_renamed(name, parts): weight for name, weight in weights.items()}
    settings = {**_FIXED_IN_1, **values["settings"]}
    return {**values, "format": 2, "settings": settings, "target_scaler": {"mean": [0.0], "spread": [1.0]}}, weights


def _renamed(name: str, parts: dict[str, str]) -> str:
    for old, new in parts.items():
        if name.startswith(f"topology.{old}"):
            return f"topology.{new}{name.removeprefix(f'topology.{old}')}"
    return name


UPGRADES: dict[int, Callable[[Values, Weights], tuple[Values, Weights]]] = {1: _from_1}  # from format n to n + 1


@dataclass(frozen=True)
class State:
    """All that makes a fitted forecaster; `settings` have no nulls, `fitted_on` says which data it has seen."""

    settings: RecurrentSettings
    task: Task
    seed: int
    inputs: FittedInputs
    fitted_on: dict[str, Any]
    weights: dict[str, Tensor]


def write_state(state: State, folder: Path) -> None:
    """Write both files into `folder`, which is made where it is missing."""
    folder.mkdir(parents=True, exist_ok=True)
    weights = {name: value.detach().to("cpu").contiguous() for name, value in state.weights.items()}
    _replace(folder / WEIGHTS_FILE, lambda path: save_file(weights, path))
    values = {
        "format": FORMAT,
        "kind": state.settings.kind,
        "name": state.settings.name,
        "task": asdict(state.task),
        "settings": asdict(state.settings),
        **state.inputs.to_json(),
        "seed": state.seed,
        "fitted_on": state.fitted_on,
    }
    write_state_file(folder, values)


def read_state(folder: Path, device: torch.device) -> State:
    """The state in `folder`; InputError where a file is missing, is of another kind or of a format this version cannot read."""
    try:
        values = json.loads((folder / JSON_FILE).read_text(encoding="utf-8"))
        weights = load_file(folder / WEIGHTS_FILE, device=str(device))
    except FileNotFoundError as error:
        raise InputError(f"a saved forecaster must have {JSON_FILE} and {WEIGHTS_FILE}, got none: {error}") from None
    _require_format(values, folder)
    for older in range(values["format"], FORMAT):
        values, weights = UPGRADES[older](values, weights)
    task = values["task"]
    levels = tuple(task["quantile_levels"])
    return State(
        settings=settings_from_dict(values["settings"]),
        task=Task(task["horizon"], levels, task["season_length"], task["non_negative"]),
        seed=values["seed"],
        inputs=inputs_from_json(values),
        fitted_on=values["fitted_on"],
        weights=weights,
    )


def _require_format(values: Values, folder: Path) -> None:
    version = values.get("format")
    if values.get("kind") != "recurrent" or type(version) is not int or not 1 <= version <= FORMAT:
        raise InputError(
            f"a saved forecaster must be of kind recurrent and of a format from 1 to {FORMAT}, got kind "
            f"{values.get('kind')!r} and format {version!r} in {folder}: use the version of this package that wrote it, or "
            "fit again"
        )


def _replace(path: Path, write: Any) -> None:
    beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        write(beside)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
