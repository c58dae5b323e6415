"""Every combination of cell, topology, way through the horizon, head, encoding and direction, and series to try them on."""

from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np

from forecasting.errors import InputError
from forecasting.forecasters.protocol import Task, no_progress
from forecasting.forecasters.recurrent.forecaster import RecurrentForecaster, RecurrentSettings
from forecasting.forecasters.recurrent.settings import EncodingSettings
from forecasting.models.cells import CELLS
from forecasting.models.heads import HEADS
from forecasting.models.topologies import TOPOLOGIES
from forecasting.series.arrays.series_arrays import Origins, SeriesArrays
from forecasting.training.settings import TrainingSettings
from tests.forecasters.panels import last_origins, panel

H, M = 5, 8
TASK = Task(H, (0.1, 0.5, 0.9), M)
NONE = Origins(*[np.zeros(0, dtype=np.int64)] * 3)
WAYS: list[dict[str, Any]] = [{"strategy": "direct"}, {"strategy": "recursive"}, {"decoder": "autoregressive"}]
ENCODED = [EncodingSettings(), EncodingSettings("segments", 4)]


def every_combination() -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The allowed and the refused ones, as settings; a network without cells is tried with one of them."""
    allowed, refused = [], []
    for topology, way, head, encoding, bidirectional in product(TOPOLOGIES, WAYS, HEADS, ENCODED, (False, True)):
        for cell in CELLS if TOPOLOGIES[topology].has_cell else ["gru"]:
            changes = {"topology": topology, **way, "head": head, "encoding": encoding, "cell": cell}
            changes["bidirectional"] = bidirectional
            try:
                RecurrentSettings("net", **changes)
                allowed.append(changes)
            except InputError:
                refused.append(changes)
    return allowed, refused


def name_of(changes: dict[str, Any]) -> str:
    """Such as gru-many_to_one-recursive-normal-steps."""
    way = changes.get("decoder") or changes.get("strategy")
    direction = ["bidirectional"] if changes.get("bidirectional") else []
    return "-".join(
        [changes["cell"], changes["topology"], str(way), changes["head"], changes["encoding"].kind, *direction]
    )


def waves(head: str = "quantiles", n_series: int = 6, length: int = 80) -> SeriesArrays:
    """Sine waves of one season without noise, whole numbers for counts; the phase is known ahead, the level is static."""
    t = np.arange(length + H)
    y = {f"s{k}": 30 + 20 * np.sin(2 * np.pi * (t + k) / M) for k in range(n_series)}
    arrays = panel({k: (v if head != "negative_binomial" else np.round(v))[:length] for k, v in y.items()}, H)
    phase = np.concatenate([2 * np.pi * (t + k) / M for k in range(n_series)])
    return replace(
        arrays,
        known_future=np.stack([np.sin(phase), np.cos(phase)], axis=1),
        static_numeric=np.arange(n_series, dtype=float)[:, None],
        static_categories=np.array([["even", "odd"][k % 2] for k in range(n_series)], dtype=object)[:, None],
        names={"known_future": ["sin", "cos"], "static_numeric": ["size"], "static_categories": ["kind"]},
    )


def small(**changes: Any) -> RecurrentSettings:
    """A network of few units for these series; `changes` hold its training at least."""
    defaults = {"context_length": 16, "hidden_size": 12, "min_history": 9, "n_paths": 20, "residual": "none"}
    if changes.get("topology") == "one_to_many":
        defaults["min_history"] = 0
    return RecurrentSettings("net", **(defaults | changes))


def fitted(arrays: SeriesArrays, steps: int, seed: int = 4, **changes: Any) -> RecurrentForecaster:
    """A small network after `steps` steps, on all but the last horizon of each series."""
    training = TrainingSettings(max_steps=steps, batch_size=32, learning_rate=0.02)
    forecaster = RecurrentForecaster(small(**{"training": training, **changes}), TASK, seed, "cpu")
    forecaster.fit(arrays, last_origins(arrays, (H,)), NONE, no_progress)
    return forecaster


def error(forecaster: RecurrentForecaster, arrays: SeriesArrays) -> float:
    """Mean absolute error of the horizon that was held back, in units of the amplitude."""
    origins = last_origins(arrays, (H,))
    forecast = forecaster.forecast(arrays, origins, no_progress)
    return float(np.abs(forecast.y_hat - arrays.targets(origins, H)).mean() / 20)
