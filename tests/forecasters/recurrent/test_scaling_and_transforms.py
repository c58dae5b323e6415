"""Every transform and every scaler in a whole forecaster: it learns, comes back from its files, and is safe on odd series."""

from itertools import product
from pathlib import Path

import numpy as np
import pytest

from forecasting.forecasters.protocol import Task, no_progress
from forecasting.forecasters.recurrent.forecaster import RecurrentForecaster, RecurrentSettings, load
from forecasting.series.arrays.series_arrays import Origins, SeriesArrays
from forecasting.training.settings import TrainingSettings
from forecasting.windows.scalers import SCALERS
from forecasting.windows.transforms import TRANSFORMS
from tests.forecasters.panels import last_origins, panel

H, M = 6, 12
TASK = Task(H, (0.1, 0.5, 0.9), M)
NONE = Origins(*[np.zeros(0, dtype=np.int64)] * 3)
SIZE = np.arange(1.0, 9)


def sines(**more: object) -> SeriesArrays:
    t = np.arange(96)
    return panel({f"s{k:g}": 10 * k + k * np.sin(2 * np.pi * (t + 3 * k) / M) for k in SIZE} | more, H)


def fitted(topology: str, steps: int, **settings: object) -> RecurrentForecaster:
    training = TrainingSettings(max_steps=steps, batch_size=32, learning_rate=0.01)
    wanted = RecurrentSettings(
        "net", topology=topology, context_length=24, hidden_size=16, training=training, **settings
    )
    forecaster, arrays = RecurrentForecaster(wanted, TASK, 4, "cpu"), sines()
    forecaster.fit(arrays, last_origins(arrays, (H,)), NONE, no_progress)
    return forecaster


@pytest.mark.parametrize(
    "settings",
    [{"transform": name} for name in sorted(TRANSFORMS)] + [{"scaling": "reversible"}, {"scaling": "robust"}],
    ids=lambda s: "-".join(s.values()),
)
def test_a_sine_is_learnt_through_every_transform(settings, tmp_path: Path):
    forecaster, arrays = fitted("many_to_one", 150, residual="none", **settings), sines()
    origins = last_origins(arrays, (H,))
    forecast = forecaster.forecast(arrays, origins, no_progress)
    assert (np.abs(forecast.y_hat - arrays.targets(origins, H)) / SIZE[:, None]).mean() < 0.2
    forecaster.save(tmp_path)
    assert np.array_equal(load(tmp_path).forecast(arrays, origins, no_progress).quantiles, forecast.quantiles)


CASES = [
    (topology, transform, scaling)
    for topology, transform, scaling in product(["many_to_many", "encoder_decoder"], TRANSFORMS, SCALERS)
    if (topology != "many_to_many" or SCALERS[scaling].causal)
    and not (scaling == "panel" and TRANSFORMS[transform].lag != "none")
]


@pytest.mark.parametrize(("topology", "transform", "scaling"), CASES)
def test_odd_series_get_finite_ordered_forecasts_or_a_reason(topology, transform, scaling):
    rng = np.random.default_rng(0)
    odd = sines(
        zero=np.zeros(40),
        constant=np.full(40, 7.0),
        tiny=1e-20 * rng.random(40),
        huge=1e15 * (1 + rng.random(40)),
        negative=-5 - rng.random(40),
        short=np.arange(5.0),
        gaps=np.where(np.arange(40) % 5 == 2, np.nan, 3.0 + np.arange(40) % 4),
    )
    forecaster = fitted(topology, 3, transform=transform, scaling=scaling, min_history=4)
    forecast = forecaster.forecast(odd, last_origins(odd), no_progress)
    refused = [s for s, reason in zip(odd.ids, forecast.failed, strict=True) if reason]
    assert refused == (["negative"] if TRANSFORMS[transform].least == 0 else [])
    able = np.array([reason is None for reason in forecast.failed])
    assert np.isfinite(forecast.quantiles[able]).all()
    assert (np.diff(forecast.quantiles[able], axis=2) >= 0).all()
