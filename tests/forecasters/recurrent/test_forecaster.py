"""Recurrent forecasters as a whole: they learn, save and load, and treat every origin by itself."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from forecasting.errors import InputError
from forecasting.forecasters.protocol import Task, no_progress
from forecasting.forecasters.recurrent.forecaster import RecurrentForecaster, RecurrentSettings, load
from forecasting.forecasters.recurrent.state import FORMAT
from forecasting.models.topologies import TOPOLOGIES
from forecasting.series.arrays.as_of import as_of
from forecasting.series.arrays.series_arrays import Origins
from forecasting.training.losses import LOSSES
from forecasting.training.settings import TrainingSettings
from tests.forecasters.panels import last_origins, panel

H = 6
TASK = Task(H, (0.1, 0.5, 0.9), 12)
NONE = Origins(*[np.zeros(0, dtype=np.int64)] * 3)


def sines(n_series: int = 8, length: int = 96) -> dict[str, np.ndarray]:
    t = np.arange(length)
    return {f"s{k}": 10 * (k + 1) + (k + 1) * np.sin(2 * np.pi * (t + 3 * k) / 12) for k in range(n_series)}


def fitted(cell: str, topology: str, steps: int = 20, seed: int = 4, **changes: object) -> RecurrentForecaster:
    settings = RecurrentSettings(
        name="net",
        cell=cell,
        topology=topology,
        context_length=24,
        hidden_size=16,
        residual="last_value",
        training=TrainingSettings(max_steps=steps, batch_size=32, learning_rate=0.01),
        **changes,
    )
    forecaster = RecurrentForecaster(settings, TASK, seed, "cpu")
    arrays = panel(sines(), H)
    until = last_origins(arrays, (H,))
    forecaster.fit(as_of(arrays, until), until, NONE, no_progress)
    return forecaster


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(tmp_path: Path):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        fitted("gru", "encoder_decoder", seed=seed).save(tmp_path / name)
    a, b, c = ((tmp_path / name / "network.safetensors").read_bytes() for name in "abc")
    assert a == b != c


def test_the_saved_state_has_no_nulls_left_and_says_what_it_was_fitted_on(tmp_path: Path):
    fitted("lstm", "many_to_many").save(tmp_path)
    state = json.loads((tmp_path / "forecaster.json").read_text())
    assert state["format"] == FORMAT
    assert state["fitted_on"]["n_series"] == 8
    open_ends = {k for k, v in state["settings"].items() if v is None}
    assert not open_ends
    assert all(np.isfinite(w).all() for w in load_file(tmp_path / "network.safetensors").values())


def test_a_state_of_another_format_is_refused(tmp_path: Path):
    fitted("gru", "many_to_one").save(tmp_path)
    path = tmp_path / "forecaster.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"format": 99}))
    with pytest.raises(InputError, match="99"):
        load(tmp_path)


def test_a_constant_series_is_forecast_as_that_constant():
    arrays = panel({**sines(), "flat": np.full(40, 7.0), "zero": np.zeros(40)}, H)
    forecast = fitted("gru", "encoder_decoder").forecast(arrays, last_origins(arrays), no_progress)
    np.testing.assert_allclose(forecast.y_hat[-2:], [[7.0] * H, [0.0] * H], rtol=1e-4, atol=1e-9)


def test_too_short_a_history_fails_with_the_reason_and_leaves_the_others_alone():
    arrays = panel({**sines(2), "short": [1.0, 2.0]}, H)
    forecast = fitted("gru", "many_to_one", min_history=5).forecast(arrays, last_origins(arrays), no_progress)
    assert forecast.failed.tolist() == [None, None, "too short: 2 observations, net needs 5"]
    assert np.isfinite(forecast.y_hat[:2]).all()


def test_no_history_long_enough_for_one_window_is_an_error_with_a_way_out():
    arrays = panel({"a": [1.0, 2.0, 3.0]}, H)
    forecaster = RecurrentForecaster(RecurrentSettings(name="net"), TASK, 1, "cpu")
    with pytest.raises(InputError, match=r"set task\.horizon"):
        forecaster.fit(arrays, last_origins(arrays), NONE, no_progress)


def test_inner_cutoffs_are_never_trained_on():
    """Values between the oldest inner cutoff and the end change the look at validation, never a weight that training made."""
    weights = []
    for bump in (0.0, 50.0):
        series = sines()
        arrays = panel({k: np.append(y[:-H], y[-H:] + bump) for k, y in series.items()}, H)
        until, inner = last_origins(arrays), last_origins(arrays, (H,))
        settings = RecurrentSettings(
            name="net",
            context_length=24,
            hidden_size=8,
            residual="seasonal_naive",  # the recipe itself may adapt to all rows up to `until`
            training=TrainingSettings(max_steps=10, batch_size=16, valid_every=10),
        )
        forecaster = RecurrentForecaster(settings, TASK, 1, "cpu")
        forecaster.fit(arrays, until, inner, no_progress)
        weights.append([p.detach().numpy().copy() for p in forecaster.network.parameters()])
    assert all(np.array_equal(a, b) for a, b in zip(*weights, strict=True))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"topology": "many_to_many", "scaling": "robust"}, "set scaling to one of"),
        ({"residual": "yesterday"}, "residual must be one of"),
        ({"loss": "hinge"}, "loss must be one of"),
        ({"loss": "pinball", "head": "normal"}, "set loss to one of likelihood"),
        ({"head": "gauss"}, "head must be one of"),
        (
            {"head": "negative_binomial", "scaling": "standard"},
            "which a transform, a shift .* would break, got transform 'none', scaling 'standard'",
        ),
        ({"dropout": 1.0}, r"dropout must lie in \[0, 1\)"),
        ({"hidden_size": 0}, "hidden_size must be at least 1, got 0"),
    ],
)
def test_settings_that_cannot_be_are_refused(change, message):
    with pytest.raises(InputError, match=message):
        RecurrentSettings(name="net", **change)


def test_the_negative_binomial_refuses_what_is_not_a_count():
    arrays = panel({"a": [1.0, 2.5] * 20}, H)
    forecaster = RecurrentForecaster(RecurrentSettings("net", head="negative_binomial"), TASK, 1, "cpu")
    with pytest.raises(InputError, match=r"needs counts, got y 2\.5 \(20 of 40"):
        forecaster.fit(arrays, last_origins(arrays), NONE, no_progress)


@pytest.mark.parametrize("topology", [name for name, row in TOPOLOGIES.items() if row.reads_window])
@pytest.mark.parametrize("loss", sorted(name for name, row in LOSSES.items() if "quantiles" in row.heads))
def test_every_loss_for_quantiles_lets_every_topology_learn(topology, loss):
    arrays = panel({**sines(), "flat": np.full(96, 7.0)}, H)
    origins = last_origins(arrays, (H,))
    settings = RecurrentSettings(
        "net",
        topology=topology,
        loss=loss,
        context_length=24,
        hidden_size=8,
        training=TrainingSettings(max_steps=40, batch_size=16, valid_every=10),
    )
    forecaster = RecurrentForecaster(settings, TASK, 4, "cpu")
    report = forecaster.fit(as_of(arrays, origins), origins, NONE, no_progress)
    assert report.history[-1]["train_loss"] < 0.8 * report.history[0]["train_loss"]
    assert np.isfinite(forecaster.forecast(arrays, origins, no_progress).quantiles).all()


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_what_was_trained_on_a_gpu_forecasts_the_same_on_a_cpu(cell: str, tmp_path: Path):
    settings = RecurrentSettings(
        name="net", cell=cell, context_length=24, hidden_size=16, training=TrainingSettings(max_steps=20, batch_size=32)
    )
    arrays = panel(sines(), H)
    until = last_origins(arrays, (H,))
    trained = RecurrentForecaster(settings, TASK, 4, "cuda")
    trained.fit(as_of(arrays, until), until, NONE, no_progress)
    trained.save(tmp_path)
    there, here = (f.forecast(arrays, until, no_progress) for f in (trained, load(tmp_path, "cpu")))
    spread = np.array([k + 1 for k in range(arrays.n_series)])[
        until.series
    ]  # of the sines: the unit they are scaled by
    assert np.abs((there.quantiles - here.quantiles) / spread[:, None, None]).max() < 1e-4
