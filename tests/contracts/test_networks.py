"""Every cell in every topology, with covariates and without: learns what it can see, and repeats itself to the bit."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from forecasting.errors import InputError
from forecasting.forecasters.protocol import Task, no_progress
from forecasting.forecasters.recurrent.forecaster import RecurrentForecaster, RecurrentSettings, load
from forecasting.models.cells import CELLS
from forecasting.models.topologies import TOPOLOGIES
from forecasting.series.arrays.cutoffs import inner_origins
from forecasting.series.arrays.series_arrays import Origins, SeriesArrays
from forecasting.training.settings import TrainingSettings
from tests.forecasters.panels import last_origins, panel

H, M = 7, 7
TASK = Task(H, (0.1, 0.5, 0.9), M, non_negative=True)
NONE = Origins(*[np.zeros(0, dtype=np.int64)] * 3)
READERS = [name for name, row in TOPOLOGIES.items() if row.reads_window]
ALL = list(product(sorted(CELLS), READERS))


def shops(n_series: int = 12, length: int = 140) -> SeriesArrays:
    """A weekly season with noise; known ahead: promotions that lift y by 5; static: a size and a type."""
    rng = np.random.default_rng(2)
    promotion = (rng.random((n_series, length + H)) < 0.2).astype(float)
    t = np.arange(length)
    series = {
        f"s{s}": 20 + 3 * np.sin(2 * np.pi * (t + s) / M) + 5 * promotion[s, :length] + rng.normal(0, 0.5, length)
        for s in range(n_series)
    }
    return replace(
        panel(series, H),
        known_future=promotion.reshape(-1, 1),
        static_numeric=rng.normal(size=(n_series, 1)),
        static_categories=np.array([["big" if s % 2 else "small"] for s in range(n_series)], dtype=object),
        names={"static_numeric": ["size"], "static_categories": ["type"], "past": [], "known_future": ["promotion"]},
    )


def blind(arrays: SeriesArrays) -> SeriesArrays:
    """The same series without any covariate."""
    return replace(
        arrays,
        known_future=arrays.known_future[:, :0],
        static_numeric=arrays.static_numeric[:, :0],
        static_categories=arrays.static_categories[:, :0],
        names={},
    )


def fitted(arrays: SeriesArrays, cell: str, topology: str, steps: int, **changes: object) -> RecurrentForecaster:
    training = TrainingSettings(max_steps=steps, batch_size=64, learning_rate=0.01, valid_every=20)
    settings = RecurrentSettings("net", cell=cell, topology=topology, hidden_size=24, training=training, **changes)
    forecaster = RecurrentForecaster(settings, TASK, 3, "cpu")
    until = last_origins(arrays, (2 * H,))
    forecaster.fit(arrays, until, inner_origins(arrays, until, H, 1, H), no_progress)
    return forecaster


def error(forecaster: RecurrentForecaster, arrays: SeriesArrays) -> float:
    origins = last_origins(arrays, (H, 2 * H))
    forecast = forecaster.forecast(arrays, origins, no_progress)
    return float(np.abs(forecast.y_hat - arrays.targets(origins, H)).mean())


@pytest.mark.parametrize(("cell", "topology"), ALL)
def test_a_network_beats_the_seasonal_naive_and_more_so_when_it_sees_the_promotions(cell, topology):
    arrays = shops()
    origins = last_origins(arrays, (H, 2 * H))
    naive = np.abs(arrays.y[origins.row[:, None] + np.arange(1, H + 1) - M] - arrays.targets(origins, H)).mean()
    more = 3 if cell == "rnn_relu" else 1  # the identity that it starts from takes longer to leave
    without = error(fitted(blind(arrays), cell, topology, 150 * more), blind(arrays))
    seeing = error(fitted(arrays, cell, topology, 200 * more), arrays)
    assert without < 0.95 * naive
    assert seeing < 0.6 * naive


@pytest.mark.parametrize(("cell", "topology"), ALL)
def test_a_forecast_does_not_depend_by_a_bit_on_what_else_is_asked_for_nor_on_a_reload(cell, topology, tmp_path):
    arrays = shops()
    forecaster = fitted(arrays, cell, topology, 5)
    origins = last_origins(arrays, (0, 5, 130))
    together = forecaster.forecast(arrays, origins, no_progress)
    forecaster.save(tmp_path)
    again = load(tmp_path)
    for o in (1, 17, len(origins) - 1):
        alone = again.forecast(arrays, origins.take(slice(o, o + 1)), no_progress)
        assert np.array_equal(alone.quantiles[0], together.quantiles[o])
    assert (np.diff(together.quantiles, axis=2) >= 0).all()
    assert (together.quantiles >= 0).all()


@pytest.mark.parametrize("topology", sorted(TOPOLOGIES))
def test_the_weights_that_are_kept_are_those_of_the_best_look(topology):
    arrays = shops(6, 100)
    until = last_origins(arrays, (H,))
    looks = []
    training = TrainingSettings(max_steps=60, batch_size=32, learning_rate=0.02, valid_every=10)
    settings = RecurrentSettings("net", topology=topology, hidden_size=8, training=training)
    forecaster = RecurrentForecaster(settings, TASK, 3, "cpu")
    inner = inner_origins(arrays, until, H, 1, H)
    report = forecaster.fit(
        arrays, until, inner, no_progress, on_validation=lambda look, loss: looks.append((look, loss))
    )
    assert [look for look, _ in looks] == list(range(1, len(report.history) + 1))
    assert report.best_loss == min(loss for _, loss in looks)
    again = RecurrentForecaster(settings, TASK, 3, "cpu")
    again.fit(arrays, until, inner, no_progress, stop_after=report.best_step)
    first, second = (f.network.state_dict() for f in (forecaster, again))
    assert all(np.array_equal(first[name], second[name]) for name in first)


def test_a_type_of_series_that_no_fit_has_seen_is_forecast_from_the_unknown_bucket():
    arrays = shops(6, 100)
    forecaster = fitted(arrays, "gru", "many_to_one", 5)
    strange = replace(arrays, static_categories=np.full((6, 1), "huge", dtype=object))
    forecast = forecaster.forecast(strange, last_origins(strange), no_progress)
    assert np.isfinite(forecast.y_hat).all()


def test_other_covariates_than_those_of_the_fit_are_refused_by_name():
    arrays = shops(6, 100)
    forecaster = fitted(arrays, "gru", "many_to_one", 5)
    with pytest.raises(InputError, match=r"covariates must be those of the fit, .*known_future: promotion.*got none"):
        forecaster.forecast(blind(arrays), last_origins(arrays), no_progress)
