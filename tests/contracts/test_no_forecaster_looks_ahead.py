"""Every baseline, and every cell in every topology: noise after the cutoff moves no bit of a forecast or of a fit."""

from dataclasses import replace

import numpy as np
import pytest

from forecasting.evaluation.leak_check import leak_check
from forecasting.forecasters.baselines.forecaster import LocalForecaster
from forecasting.forecasters.baselines.settings import BaselineSettings
from forecasting.forecasters.baselines.table import BASELINES
from forecasting.forecasters.protocol import Task, no_progress
from forecasting.forecasters.recurrent.forecaster import RecurrentForecaster
from forecasting.forecasters.recurrent.settings import RecurrentSettings
from forecasting.freq import parse_freq
from forecasting.models.cells import CELLS
from forecasting.models.topologies import TOPOLOGIES
from forecasting.series.arrays.as_of import as_of
from forecasting.series.arrays.cutoffs import evaluation_origins, first_origins, inner_origins
from forecasting.series.arrays.series_arrays import Origins, Reading, SeriesArrays, to_arrays
from forecasting.series.checks.grid import to_grid
from forecasting.sources.simulated import SimulatedSource
from forecasting.training.settings import TrainingSettings

TASK = Task(7, (0.1, 0.5, 0.9), 7, non_negative=True)


def panel(y_after_cutoff: float | None = None) -> tuple[SeriesArrays, Origins]:
    frame = to_grid(SimulatedSource(n_series=5, n_days=90, seed=2).read(), parse_freq("1d"))
    reading = Reading(
        freq="1d",
        horizon=7,
        season_length=7,
        align="calendar",
        static=["store_type"],
        known_future=["promotion", "price"],
        calendar=["day_of_week"],
    )
    arrays = to_arrays(frame, reading)
    origins = evaluation_origins(arrays, 7, 2, 7, "calendar")
    if y_after_cutoff is not None:
        until = first_origins(origins, arrays, "calendar")
        late = np.zeros(len(arrays.y), dtype=bool)
        for series, row in zip(until.series, until.row, strict=True):
            late[row + 1 : arrays.offsets[series + 1]] = True
        changed = [np.where(late & ~np.isnan(a), y_after_cutoff, a) for a in (arrays.y, arrays.full, arrays.causal)]
        arrays = replace(arrays, y=changed[0], full=changed[1], causal=changed[2])
    return arrays, origins


@pytest.mark.parametrize("kind", sorted(BASELINES))
def test_no_baseline_looks_ahead(kind):
    arrays, origins = panel()
    report = leak_check(LocalForecaster(BaselineSettings(kind), TASK, 1), arrays, origins, seed=1)
    assert (report.checked, report.moved) == (len(origins), 0)


@pytest.mark.parametrize("topology", sorted(TOPOLOGIES))
@pytest.mark.parametrize("cell", sorted(CELLS))
def test_no_network_looks_ahead_in_its_fit_or_its_forecast(cell, topology):
    fitted = []
    for late in (None, 1e4):
        arrays, origins = panel(late)
        until = first_origins(origins, arrays, "calendar")
        settings = RecurrentSettings(
            name="net",
            cell=cell,
            topology=topology,
            context_length=14,
            hidden_size=8,
            training=TrainingSettings(max_steps=8, batch_size=16),
        )
        forecaster = RecurrentForecaster(settings, TASK, 5, "cpu")
        forecaster.fit(as_of(arrays, until), until, inner_origins(arrays, until, 7, 1, 7), no_progress)
        fitted.append((forecaster, forecaster.forecast(arrays, until, no_progress).quantiles))
    clean, origins = panel()
    report = leak_check(fitted[0][0], clean, origins, seed=1)
    assert (report.checked, report.moved) == (len(origins), 0)
    assert np.array_equal(fitted[0][1], fitted[1][1])
