"""One small saved forecaster per topology and format version, kept beside the tests with the forecasts it gave.

    python -m tests.forecasters.saved_states     writes those of the current version: artifacts/v<FORMAT>/<topology>/

Run it once when the format changes; what older versions wrote is never written again. A folder holds the saved state
(forecaster.json, network.safetensors), the series that were forecast and the quantiles that came out (forecasts.json).
"""

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from forecasting.errors import InputError
from forecasting.forecasters.protocol import Task, no_progress
from forecasting.forecasters.recurrent.forecaster import RecurrentForecaster, RecurrentSettings
from forecasting.forecasters.recurrent.state import FORMAT
from forecasting.models.cells import CELLS
from forecasting.models.topologies import TOPOLOGIES
from forecasting.series.arrays.series_arrays import Origins, SeriesArrays
from forecasting.training.settings import TrainingSettings
from tests.forecasters.panels import last_origins, panel

ARTIFACTS = Path(__file__).parent / "artifacts"
FORECASTS = "forecasts.json"
TASK = Task(3, (0.1, 0.5, 0.9), 4, non_negative=True)
NAMES = {"static_numeric": ["size"], "static_categories": ["type"], "past": ["visits"], "known_future": ["promotion"]}


def folders() -> list[Path]:
    """The folder of every artifact, of all versions."""
    return sorted(path.parent for path in ARTIFACTS.glob("*/*/forecaster.json"))


def arrays_of(stored: dict[str, Any]) -> SeriesArrays:
    """The stored series as arrays; a null is a gap, and no visits are no past covariate."""
    visits = [] if stored["visits"] is None else [stored["visits"]]
    series = {s: np.array(y, dtype=float) for s, y in stored["series"].items()}
    made = panel(series, TASK.horizon)
    return replace(
        made,
        past=np.array(visits, dtype=float).reshape(len(visits), len(made.y)).T,
        known_future=np.array(stored["promotion"], dtype=float)[:, None],
        static_numeric=np.array(stored["size"], dtype=float)[:, None],
        static_categories=np.array(stored["type"], dtype=object)[:, None],
        names=NAMES | {"past": NAMES["past"][: len(visits)]},
    )


def stored_series() -> dict[str, Any]:
    """Three short series with a gap and every kind of covariate, as JSON values."""
    lengths, t = {"a": 24, "b": 24, "short": 9}, np.arange(24)
    series = {
        s: np.round(10 * (k + 1) + 3 * np.sin(np.pi * (t[:n] + k) / 2) + 0.1 * t[:n], 2).tolist()
        for k, (s, n) in enumerate(lengths.items())
    }
    rows = np.arange(sum(lengths.values()) + TASK.horizon * len(lengths))
    return {
        "series": {**series, "b": [None if 9 <= i < 12 else y for i, y in enumerate(series["b"])]},
        "visits": (rows % 5).tolist(),
        "promotion": (rows % 7 == 0).astype(int).tolist(),
        "size": [1.0, 2.0, 4.0],
        "type": ["big", "small", "big"],
    }


def write(folder: Path, cell: str, topology: str) -> None:
    """Fit for a few steps, save, and store what it forecasts."""
    stored = stored_series() | ({"visits": None} if "recursive" in TOPOLOGIES[topology].strategies[:1] else {})
    arrays = arrays_of(stored)
    training = TrainingSettings(max_steps=8, batch_size=8)
    settings = RecurrentSettings(
        "kept", cell=cell, topology=topology, hidden_size=3, context_length=8, min_history=4, training=training
    )
    forecaster = RecurrentForecaster(settings, TASK, 1, "cpu")
    nothing = Origins(*[np.zeros(0, dtype=np.int64)] * 3)
    forecaster.fit(arrays, last_origins(arrays, (2,)), nothing, no_progress)
    forecaster.save(folder)
    quantiles = forecaster.forecast(arrays, last_origins(arrays), no_progress).quantiles
    (folder / FORECASTS).write_text(json.dumps({**stored, "quantiles": quantiles.tolist()}), encoding="utf-8")


def main() -> None:
    """Write the artifacts of the current format; InputError where they stand already."""
    target = ARTIFACTS / f"v{FORMAT}"
    if target.exists():
        raise InputError(
            f"artifacts of a format are written once, got {target}: raise FORMAT in forecasters/recurrent/state.py"
        )
    cells = sorted(CELLS)
    for n, topology in enumerate(sorted(TOPOLOGIES)):
        write(target / topology, cells[n % len(cells)], topology)
    sys.stdout.write(f"{target}\n")


if __name__ == "__main__":
    main()
