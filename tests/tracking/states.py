"""Saved forecasters and histories to register and serve."""

import json
from pathlib import Path
from typing import Any

import pandas as pd

from forecasting.forecasters.baselines.forecaster import LocalForecaster
from forecasting.forecasters.baselines.settings import BaselineSettings
from forecasting.forecasters.protocol import Task

SERVING: dict[str, Any] = {
    "freq": "1",
    "season_length": 2,
    "fill": "interpolate",
    "align": "series_end",
    "static": [],
    "past": [],
    "known_future": [],
    "calendar": [],
    "country": None,
    "timezone": None,
    "fallback": "seasonal_naive",
}


def save_state(folder: Path, serving: dict[str, Any], kind: str = "seasonal_naive") -> Path:
    """A baseline of two steps over seasons of two, saved with its serving.json."""
    LocalForecaster(BaselineSettings(kind), Task(2, (0.1, 0.5, 0.9), 2)).save(folder)
    (folder / "serving.json").write_text(json.dumps(serving), encoding="utf-8")
    return folder


def history() -> pd.DataFrame:
    """Series a repeats 1, 3 (eight steps); series b has one value, too few for a season."""
    y = [1.0, 3.0] * 4
    return pd.DataFrame({"unique_id": ["a"] * 8 + ["b"], "ds": [*range(8), 5], "y": [*y, 4.0]})
