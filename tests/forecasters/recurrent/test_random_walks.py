"""On random walks the right 80 % interval is known: 2.56 sqrt(h) of a step wide, h steps ahead."""

import numpy as np
import pytest

from forecasting.forecasters.protocol import Task, no_progress
from forecasting.forecasters.recurrent.forecaster import RecurrentForecaster, RecurrentSettings
from forecasting.models.topologies import TOPOLOGIES
from forecasting.series.arrays.series_arrays import Origins
from forecasting.training.settings import TrainingSettings
from tests.forecasters.panels import last_origins, panel

H = 24
STEPS = np.array([1, 6, 12, 24])
RIGHT = 2 * 1.2816 * np.sqrt(STEPS)  # the normal distribution's 90 % quantile: 2.56, 6.28, 8.88, 12.56
NONE = Origins(*[np.zeros(0, dtype=np.int64)] * 3)


def width(batch_size: int = 32, **settings: object) -> np.ndarray:
    """Mean width of the 80 % interval at STEPS, on walks with steps of standard deviation 1."""
    rng = np.random.default_rng(1)
    arrays = panel({f"walk{i}": np.cumsum(rng.normal(size=200)) for i in range(60)}, H)
    training = TrainingSettings(max_steps=300, batch_size=batch_size, learning_rate=0.01)
    wanted = RecurrentSettings("net", context_length=48, hidden_size=16, training=training, **settings)
    forecaster = RecurrentForecaster(wanted, Task(H, (0.1, 0.5, 0.9), 1), 1, "cpu")
    forecaster.fit(arrays, last_origins(arrays, (H,)), NONE, no_progress)
    quantiles = forecaster.forecast(arrays, last_origins(arrays, tuple(range(0, 48, 6))), no_progress).quantiles
    return (quantiles[..., -1] - quantiles[..., 0]).mean(0)[STEPS - 1]


SLOW = pytest.mark.slow
EVERY_STEP = [
    pytest.param(name, marks=[] if row.reads_window else SLOW) for name, row in TOPOLOGIES.items() if row.every_step
]


@pytest.mark.parametrize("topology", EVERY_STEP)
@pytest.mark.parametrize(
    "scaled",
    [{"transform": "difference"}, pytest.param({"scaling": "last_value"}, marks=SLOW)],
    ids=["difference", "last_value"],
)
def test_where_every_step_is_an_origin_intervals_widen_as_they_must(topology, scaled):
    np.testing.assert_allclose(width(topology=topology, **scaled), RIGHT, rtol=0.1)


@pytest.mark.parametrize(
    "settings",
    [
        {"topology": "many_to_many", "transform": "difference"},
        {"topology": "many_to_many", "transform": "difference", "head": "normal"},
        {"topology": "many_to_many", "scaling": "last_value", "head": "normal"},
        {"topology": "many_to_one", "transform": "difference", "batch_size": 128},
    ],
    ids=lambda s: "-".join(str(v) for v in s.values()),
)
@pytest.mark.slow
def test_paths_that_are_drawn_and_read_again_widen_as_they_must(settings):
    np.testing.assert_allclose(width(strategy="recursive", **settings), RIGHT, rtol=0.1)


@pytest.mark.slow
@pytest.mark.parametrize("strategy", ["direct", "recursive"])
def test_a_memory_finds_the_size_of_the_steps_in_a_window_scaled_by_how_far_it_wandered(strategy):
    np.testing.assert_allclose(width(topology="many_to_many", strategy=strategy, n_paths=100), RIGHT, rtol=0.1)


@pytest.mark.slow
@pytest.mark.parametrize("topology", ["many_to_one", "encoder_decoder"])
def test_with_one_origin_per_window_intervals_widen_as_they_must(topology):
    np.testing.assert_allclose(width(batch_size=128, topology=topology, transform="difference"), RIGHT, rtol=0.1)


@pytest.mark.slow
@pytest.mark.parametrize(("topology", "head"), [("many_to_many", "quantiles"), ("many_to_one", "normal")])
def test_intervals_of_sample_paths_widen_as_they_must(topology, head):
    paths = {"strategy": "recursive", "n_paths": 100, "head": head}
    found = width(batch_size=64, topology=topology, transform="difference", **paths)
    np.testing.assert_allclose(found, RIGHT, rtol=0.1)
