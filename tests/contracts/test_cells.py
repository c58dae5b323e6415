"""Every cell with every value of whatever else can be set: few networks per cell, in which each value stands at least once.

Pairs of the other settings among themselves are `test_network_combinations`.
"""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from forecasting.errors import InputError
from forecasting.forecasters.protocol import no_progress
from forecasting.forecasters.recurrent.ensemble import EnsembleForecaster
from forecasting.forecasters.recurrent.forecaster import RecurrentForecaster, load
from forecasting.forecasters.recurrent.settings import EncodingSettings, settings_from_dict
from forecasting.forecasters.saved import load_forecaster
from forecasting.models.cell import FORGET_GATES, USUAL_OPTIONS
from forecasting.models.cells import CELLS
from forecasting.models.heads import HEADS
from forecasting.models.topologies import TOPOLOGIES
from forecasting.series.arrays.cutoffs import inner_origins
from forecasting.series.arrays.series_arrays import Origins
from forecasting.training.settings import TrainingSettings
from forecasting.windows.scalers import SCALERS
from tests.forecasters.combinations import TASK, H, small, waves
from tests.forecasters.panels import last_origins

ROUTES: list[dict[str, Any]] = [
    *({"topology": name, "strategy": s} for name, row in TOPOLOGIES.items() if row.has_cell for s in row.strategies),
    {"decoder": "autoregressive"},
    {"decoder": "autoregressive", "scheduled_sampling": 0.7},
]
AXES: dict[str, list[dict[str, Any]]] = {  # the first value of each goes with most of the others
    "route": ROUTES,
    "head": [{}, *({"head": name} for name in HEADS if name != "quantiles")],
    "scaling": [{"scaling": name} for name in SCALERS],
    "encoding": [{}, {"encoding": EncodingSettings("segments", 4)}],
    "direction": [{}, {"bidirectional": True}],
    "static": [{}, {"static": "state"}],
    "layers": [{}, {"n_layers": 2}, {"n_layers": 3, "residual_layers": True}],
    "dropout": [{}, {"dropout": 0.3}],
    "training": [{}, {"bptt_length": 5}, {"averaging": "ema"}],
    "options": [
        {},
        *({"forget_gate": name} for name in FORGET_GATES if name != USUAL_OPTIONS.forget_gate),
        {"recurrent_blocks": 3},
    ],
}


def settings_of(cell: str, chosen: dict[str, int], steps: int = 4) -> Any:
    """The settings of one value per axis; InputError where they cannot be."""
    changes: dict[str, Any] = {"cell": cell}
    for axis, number in chosen.items():
        if axis != "training":
            changes |= AXES[axis][number]
    training = TrainingSettings(max_steps=steps, batch_size=16, valid_every=2, **AXES["training"][chosen["training"]])
    return small(**changes, training=training)


def possible(cell: str, chosen: dict[str, int]) -> bool:
    try:
        settings_of(cell, chosen)
    except InputError:
        return False
    return True


def covering(cell: str) -> list[dict[str, int]]:
    """Few choices that hold each value that goes with the cell, filled up with values that still wait for their turn."""
    waiting = {(axis, number) for axis, values in AXES.items() for number in range(len(values))}
    chosen_all = []
    for axis, number in sorted(waiting):
        if (axis, number) not in waiting:
            continue
        chosen = next((c for c in _around(axis, number) if possible(cell, c)), None)
        if chosen is None:  # refused with this cell by every route: the test below says which may be
            continue
        for other, turn in sorted(waiting):
            candidate = {**chosen, other: turn}
            if other != axis and chosen[other] == 0 and possible(cell, candidate):
                chosen = candidate
        waiting -= set(chosen.items())
        chosen_all.append(chosen)
    return chosen_all


def _around(axis: str, number: int) -> list[dict[str, int]]:
    """The value on its own, by every route."""
    usual = dict.fromkeys(AXES, 0)
    return [{**usual, "route": route, axis: number} for route in range(len(ROUTES))]


CHOSEN = [(cell, chosen) for cell in CELLS for chosen in covering(cell)]


def name_of(value: Any) -> str:
    return value if isinstance(value, str) else "-".join(f"{axis}{n}" for axis, n in value.items() if n)


@pytest.mark.parametrize(("cell", "chosen"), CHOSEN, ids=name_of)
def test_a_cell_trains_forecasts_and_comes_back_from_its_files_with_whatever_else_is_set(cell, chosen, tmp_path: Path):
    settings = settings_of(cell, chosen)
    arrays = waves(settings.head)
    until = last_origins(arrays, (2 * H,))
    forecaster = RecurrentForecaster(settings, TASK, 4, "cpu")
    report = forecaster.fit(arrays, until, inner_origins(arrays, until, H, 1, H), no_progress)
    assert report.notes["n_skipped_steps"] == 0
    origins = last_origins(arrays, (0, 60))
    forecast = forecaster.forecast(arrays, origins, no_progress)
    assert not forecast.failed.any()
    assert np.isfinite(forecast.quantiles).all()
    assert (np.diff(forecast.quantiles, axis=2) >= 0).all()
    forecaster.save(tmp_path)
    assert np.array_equal(load(tmp_path).forecast(arrays, origins, no_progress).quantiles, forecast.quantiles)


@pytest.mark.parametrize("cell", sorted(CELLS))
def test_every_value_stands_with_every_cell_unless_it_is_an_option_of_other_cells(cell):
    tried = {pair for name, chosen in CHOSEN if name == cell for pair in chosen.items()}
    left_out = {pair for axis, values in AXES.items() for pair in ((axis, n) for n in range(len(values)))} - tried
    keys = {key for axis, number in left_out for key in AXES[axis][number]}
    assert {axis for axis, _ in left_out} <= {"options"}
    assert keys == set(asdict(USUAL_OPTIONS)) - set(CELLS[cell].options)


class Kept:
    """Checkpoints in memory: the one after `n_saves` stays, as after a kill."""

    def __init__(self, n_saves: int) -> None:
        self.n_saves, self.state = n_saves, None

    def load(self) -> Any:
        return self.state

    def save(self, state: Any) -> None:
        if self.n_saves:
            self.state, self.n_saves = state, self.n_saves - 1


@pytest.mark.parametrize("topology", ["many_to_one", "encoder_decoder"])
@pytest.mark.parametrize("cell", sorted(CELLS))
def test_a_fit_that_was_killed_goes_on_to_the_same_bits(cell, topology):
    arrays = waves()
    until, origins = last_origins(arrays, (2 * H,)), last_origins(arrays)
    settings = small(
        cell=cell,
        topology=topology,
        dropout=0.2,
        training=TrainingSettings(max_steps=8, batch_size=16, valid_every=2),
    )
    kept, forecasts = Kept(2), []
    for expected in (0, 4):
        forecaster = RecurrentForecaster(settings, TASK, 4, "cpu")
        inner = inner_origins(arrays, until, H, 1, H)
        report = forecaster.fit(arrays, until, inner, no_progress, checkpoints=kept)
        assert report.notes["resumed_from_step"] == expected
        forecasts.append(forecaster.forecast(arrays, origins, no_progress).quantiles)
    assert np.array_equal(*forecasts)


@pytest.mark.parametrize("cell", sorted(CELLS))
def test_networks_of_a_cell_are_combined_and_the_ensemble_comes_back_from_its_files(cell, tmp_path: Path):
    arrays, none = waves(), Origins(*[np.zeros(0, dtype=np.int64)] * 3)
    settings = small(cell=cell, n_seeds=2, training=TrainingSettings(max_steps=3, batch_size=16))
    assert settings_from_dict(asdict(settings)) == settings
    forecaster = EnsembleForecaster.untrained(settings, TASK, 5, "cpu")
    forecaster.fit(arrays, last_origins(arrays, (H,)), none, no_progress)
    forecaster.save(tmp_path)
    before, after = (
        f.forecast(arrays, last_origins(arrays), no_progress) for f in (forecaster, load_forecaster(tmp_path))
    )
    assert np.isfinite(before.quantiles).all()
    assert np.array_equal(before.quantiles, after.quantiles)
