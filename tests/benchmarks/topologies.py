"""Every topology on the simulated panel, in situations of which each is made for some: where each is the right choice.

    python -m tests.benchmarks.topologies [--most-steps N]

Daily sales of shops, two weeks ahead. Scores are mean absolute errors divided by those of a plain forecast: the seasonal
naive, or for new stores, which have none, the mean of all sales. Each number is the mean over two seeds of the weights;
`known` is what could be reached at best: the error of the expectation that the panel was drawn from. All have the same
cell (gru), hidden size, context (28 days) and steps of training; `residual: none` and the sizes were chosen by looking at these
scores. Seconds are CPU time of a fit and a forecast. The last line is JSON with `scores`.

promotions known ahead   98 days of 30 shops; promotions, prices, day of week and type of store are known
history alone            400 days of 60 shops, no covariates
few windows              the same, but the networks see 8 windows a step in place of 64
new stores               200 days of 48 shops teach; 12 shops of known types are forecast after their first day
"""

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl
import torch

from forecasting.forecasters.protocol import Task, no_progress
from forecasting.forecasters.recurrent.forecaster import RecurrentForecaster, RecurrentSettings
from forecasting.forecasters.recurrent.settings import EncodingSettings
from forecasting.freq import parse_freq
from forecasting.schema import DS, UNIQUE_ID
from forecasting.series.arrays.as_of import as_of
from forecasting.series.arrays.cutoffs import evaluation_origins, first_origins, inner_origins
from forecasting.series.arrays.series_arrays import FloatArray, Origins, Reading, SeriesArrays, to_arrays
from forecasting.series.checks.grid import to_grid
from forecasting.sources.simulated import SimulatedSource
from forecasting.training.settings import TrainingSettings

H, M = 14, 7
DAY = parse_freq("1d")
TASK = Task(H, (0.1, 0.5, 0.9), M, non_negative=True)
SEEDS = (1, 2)
NOT_FOR_THIS = "-"
NETWORKS: dict[str, dict[str, Any]] = {
    "one_to_one": {"topology": "one_to_one", "n_paths": 50},
    "one_to_many": {"topology": "one_to_many"},
    "many_to_one": {"topology": "many_to_one"},
    "many_to_one, bidirectional": {"topology": "many_to_one", "bidirectional": True},
    "many_to_one, segments of 7": {"topology": "many_to_one", "encoding": EncodingSettings("segments", 7)},
    "many_to_many": {"topology": "many_to_many"},
    "encoder_decoder": {"topology": "encoder_decoder"},
    "mlp": {"topology": "mlp"},
}


@dataclass(frozen=True)
class Situation:
    """A panel, what is known besides y, the origins to forecast from, and how long the networks train."""

    title: str
    source: SimulatedSource
    covariates: tuple[list[str], list[str], list[str]]  # static, known_future, calendar
    n_cutoffs: int
    max_steps: int
    batch_size: int = 64
    new_stores: int = 0  # the last series: no y of theirs is seen but the first day's


EVERYTHING = (["store_type"], ["promotion", "price"], ["day_of_week"])
NOTHING: tuple[list[str], list[str], list[str]] = ([], [], [])
SITUATIONS = [
    Situation("promotions known ahead", SimulatedSource(n_series=30, n_days=98), EVERYTHING, 1, 300),
    Situation("history alone", SimulatedSource(n_series=60, n_days=400, lift=1.0), NOTHING, 4, 500),
    Situation("few windows", SimulatedSource(n_series=60, n_days=400, lift=1.0), NOTHING, 4, 400, batch_size=8),
    Situation("new stores", SimulatedSource(n_series=60, n_days=200), EVERYTHING, 1, 500, new_stores=12),
]


def main() -> None:
    """Print a table of networks by situations and the JSON line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--most-steps", type=int, help="of training, where a situation has more")
    most = parser.parse_args().most_steps
    torch.set_num_threads(1)
    scores: dict[str, dict[str, float | None]] = {}
    for situation in [replace(s, max_steps=min(s.max_steps, most or s.max_steps)) for s in SITUATIONS]:
        arrays, truth = panel_of(situation)
        print(f"{situation.title} ({arrays.n_series} series, {situation.source.n_days} days)")
        row: dict[str, float | None] = {"known": score(arrays, truth, situation)}
        print(f"   {'known':28} {row['known']:.3f}")
        for name, settings in NETWORKS.items():
            began = time.process_time()
            row[name] = network_score(arrays, situation, settings)
            shown = NOT_FOR_THIS if row[name] is None else f"{row[name]:.3f}"
            print(f"   {name:28} {shown:6} {(time.process_time() - began) / len(SEEDS):6.1f} s", flush=True)
        scores[situation.title] = row
    print(json.dumps({"scores": scores}))


def panel_of(situation: Situation) -> tuple[SeriesArrays, Callable[[Origins], FloatArray]]:
    """The panel, and the expectation of y over the horizon after origins."""
    static, known_future, calendar = situation.covariates
    frame = to_grid(situation.source.read(), DAY)
    arrays = to_arrays(
        frame,
        Reading(
            freq="1d",
            horizon=H,
            season_length=M,
            align="calendar",
            static=static,
            known_future=known_future,
            calendar=calendar,
        ),
    )
    ids = pl.Series(UNIQUE_ID, np.repeat(arrays.ids, np.diff(arrays.offsets)))
    rows = pl.DataFrame([ids, arrays.ds.alias(DS)])
    truth = rows.join(situation.source.truth(), on=[UNIQUE_ID, DS], how="left", maintain_order="left")[
        "truth"
    ].to_numpy()
    return arrays, lambda origins: truth[origins.row[:, None] + np.arange(1, H + 1)]


def origins_of(arrays: SeriesArrays, situation: Situation) -> tuple[Origins, Origins]:
    """Until when the networks learn, and the origins that are scored."""
    origins = evaluation_origins(arrays, H, situation.n_cutoffs, H, "calendar")
    until = first_origins(origins, arrays, "calendar")
    if not situation.new_stores:
        return until, origins
    old = arrays.n_series - situation.new_stores
    new = np.arange(old, arrays.n_series)
    return until.take(until.series < old), Origins(new, arrays.offsets[new], np.zeros(len(new), dtype=np.int64))


def score(arrays: SeriesArrays, forecast: Callable[[Origins], FloatArray], situation: Situation) -> float:
    """Mean absolute error over all origins and steps, divided by the plain forecast's."""
    until, origins = origins_of(arrays, situation)
    actual = arrays.targets(origins, H)
    if situation.new_stores:
        known = np.concatenate([arrays.history(s, r) for s, r in zip(until.series, until.row, strict=True)])
        plain = np.full_like(actual, known.mean())
    else:
        plain = arrays.y[origins.row[:, None] - M + 1 + np.arange(H) % M]
    return float(np.abs(forecast(origins) - actual).mean() / np.abs(plain - actual).mean())


def network_score(arrays: SeriesArrays, situation: Situation, settings: dict[str, Any]) -> float | None:
    """The mean over seeds; None where the network cannot forecast these series."""
    until, origins = origins_of(arrays, situation)
    training = TrainingSettings(max_steps=situation.max_steps, batch_size=situation.batch_size)
    sizes = {"context_length": 28, "hidden_size": 32, "residual": "none"}
    wanted = RecurrentSettings("net", **sizes, training=training, **settings)
    scores = []
    for seed in SEEDS:
        forecaster = RecurrentForecaster(wanted, TASK, seed, "cpu")
        forecaster.fit(as_of(arrays, until), until, inner_origins(arrays, until, H, 2, H), no_progress)
        forecast = forecaster.forecast(arrays, origins, no_progress)
        if any(reason is not None for reason in forecast.failed):
            return None
        scores.append(score(arrays, lambda _, y=forecast.y_hat: y, situation))
    return float(np.mean(scores))


if __name__ == "__main__":
    main()
