"""Sample paths: each by its seed, series and cutoff alone; together they are the forecast."""

import numpy as np
import pytest

from forecasting.errors import InputError
from forecasting.forecasters.protocol import Task, no_progress
from forecasting.forecasters.recurrent.forecaster import RecurrentForecaster, RecurrentSettings
from forecasting.operations.sampling import sample_rows
from forecasting.series.arrays.series_arrays import Origins
from forecasting.training.settings import TrainingSettings
from tests.forecasters.combinations import TASK, H, fitted, waves
from tests.forecasters.panels import last_origins, panel

DRAWING = [
    {"topology": "many_to_many", "strategy": "recursive"},
    {"topology": "many_to_one", "strategy": "recursive", "head": "student_t", "cell": "lstm"},
    {"topology": "one_to_one", "head": "normal"},
    {"decoder": "autoregressive", "head": "normal", "scheduled_sampling": 0.5},
    {"topology": "many_to_one", "head": "normal"},
    {"topology": "many_to_many", "strategy": "recursive", "head": "negative_binomial"},
]


@pytest.mark.parametrize("changes", DRAWING, ids=lambda c: "-".join(map(str, c.values())))
def test_a_path_depends_on_its_seed_series_and_cutoff_alone(changes):
    arrays = waves(changes.get("head", "quantiles"))
    forecaster = fitted(arrays, 20, **changes)
    origins = last_origins(arrays, (H, 20))
    paths, usable = forecaster.sample_paths(arrays, origins, 7, no_progress)
    assert usable.all()
    assert paths.shape == (len(origins), H, 7)
    for o in (0, 5, len(origins) - 1):
        alone, _ = forecaster.sample_paths(arrays, origins.take(slice(o, o + 1)), 7, no_progress)
        assert np.array_equal(alone[0], paths[o])
    assert len(np.unique(paths[:, 0])) > 3 * len(origins)


def test_quantiles_of_a_forecast_are_those_of_its_paths():
    arrays = waves()
    forecaster = fitted(arrays, 60, topology="many_to_many", strategy="recursive", n_paths=200)
    origins = last_origins(arrays, (H,))
    paths, _ = forecaster.sample_paths(arrays, origins, 200, no_progress)
    forecast = forecaster.forecast(arrays, origins, no_progress)
    np.testing.assert_allclose(
        forecast.quantiles, np.quantile(paths, TASK.quantile_levels, axis=2).transpose(1, 2, 0), rtol=1e-9
    )


def test_steps_of_a_recursive_path_go_together_those_of_a_direct_one_are_drawn_each_by_itself():
    """On random walks the last step of a path is the sum of its steps: the first one is still in it."""
    rng = np.random.default_rng(1)
    arrays = panel({f"walk{i}": np.cumsum(rng.normal(size=120)) for i in range(20)}, H)
    training = TrainingSettings(max_steps=100, batch_size=32, learning_rate=0.01)
    together = {}
    for strategy in ("recursive", "direct"):
        settings = RecurrentSettings(
            "walks",
            topology="many_to_many",
            strategy=strategy,
            head="normal",
            transform="difference",
            context_length=16,
            hidden_size=8,
            training=training,
        )
        forecaster = RecurrentForecaster(settings, Task(H, (0.1, 0.5, 0.9), 1), 1, "cpu")
        nothing = Origins(*[np.zeros(0, dtype=np.int64)] * 3)
        forecaster.fit(arrays, last_origins(arrays, (H,)), nothing, no_progress)
        paths, _ = forecaster.sample_paths(arrays, last_origins(arrays), 300, no_progress)
        moved = paths - paths.mean(axis=2, keepdims=True)
        together[strategy] = np.corrcoef(moved[:, 0].ravel(), moved[:, -1].ravel())[0, 1]
    assert together["recursive"] == pytest.approx(1 / np.sqrt(H), abs=0.1)
    assert abs(together["direct"]) < 0.1


@pytest.mark.parametrize("head", ["point", "quantiles"])
def test_a_direct_network_without_a_distribution_says_what_to_set(head):
    arrays = waves()
    forecaster = fitted(arrays, 2, topology="many_to_one", head=head)
    with pytest.raises(
        InputError, match="set head to normal, student_t, laplace or negative_binomial, strategy to recursive"
    ):
        forecaster.sample_paths(arrays, last_origins(arrays), 5, no_progress)


def test_rows_of_paths_hold_every_step_of_every_path_in_order():
    arrays = waves(n_series=3)
    forecaster = fitted(arrays, 5, topology="many_to_many", strategy="recursive")
    origins = last_origins(arrays, (H,))
    rows = sample_rows(forecaster, arrays, origins, 4, no_progress)
    assert rows.columns == ["unique_id", "cutoff", "ds", "path", "y"]
    assert rows.height == 3 * 4 * H
    paths, _ = forecaster.sample_paths(arrays, origins, 4, no_progress)
    first = rows.filter(unique_id="s0", path=2)
    assert first["y"].to_list() == paths[0, :, 1].tolist()
    assert first["ds"].to_list() == arrays.future_ds(origins.take(slice(0, 1)), H).to_list()


def test_recursion_with_past_covariates_is_refused_by_name():
    arrays = waves()
    arrays = type(arrays)(
        **{
            **arrays.__dict__,
            "past": arrays.known_future[:, :1],
            "names": {**arrays.names, "past": ["visits"], "known_future": ["sin", "cos"]},
        }
    )
    with pytest.raises(InputError, match=r"no past covariates to be read with, got visits with strategy recursive"):
        fitted(arrays, 2, topology="many_to_many", strategy="recursive")


def test_one_quantile_level_cannot_be_drawn_from():
    arrays = waves()
    settings = RecurrentSettings("net", topology="many_to_many", strategy="recursive")
    forecaster = RecurrentForecaster(settings, Task(H, (0.5,), 8), 1, "cpu")
    nothing = Origins(*[np.zeros(0, dtype=np.int64)] * 3)
    with pytest.raises(InputError, match=r"must be drawn, got the one quantile level 0\.5"):
        forecaster.fit(arrays, last_origins(arrays, (H,)), nothing, no_progress)
