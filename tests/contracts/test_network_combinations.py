"""Every cell x topology x way through the horizon x head x encoding x direction that is allowed, and every refused one.

A few that hold every pair of values run always, all of them in the slow suite.
"""

from itertools import combinations

import numpy as np
import pytest
import torch

from forecasting.errors import InputError
from forecasting.forecasters.protocol import no_progress
from forecasting.forecasters.recurrent.forecaster import RecurrentForecaster, RecurrentSettings, load
from forecasting.forecasters.recurrent.refusals import REFUSALS
from forecasting.series.arrays.series_arrays import SeriesArrays
from forecasting.training.settings import TrainingSettings
from tests.forecasters.combinations import NONE, TASK, H, M, error, every_combination, fitted, name_of, small, waves
from tests.forecasters.panels import last_origins

ALLOWED, REFUSED = every_combination()


def pairs(changes: dict) -> set:
    return set(combinations(name_of(changes).split("-"), 2))


def covering() -> list[dict]:
    """Few combinations in which each pair of values that goes together stands at least once, chosen greedily."""
    chosen, missing = [], set().union(*map(pairs, ALLOWED))
    while missing:
        best = max(ALLOWED, key=lambda changes: len(pairs(changes) & missing))
        chosen.append(best)
        missing -= pairs(best)
    return chosen


FEW = [name_of(changes) for changes in covering()]
EVERY = [
    pytest.param(changes, id=name_of(changes), marks=[] if name_of(changes) in FEW else [pytest.mark.slow])
    for changes in ALLOWED
]


def late_noise(arrays: SeriesArrays) -> SeriesArrays:
    """The same series with other values in the last horizon."""
    y = arrays.y.copy()
    for last in arrays.last_observed:
        y[last - H + 1 : last + 1] += 7.0
    changed = {name: np.where(np.isnan(y), getattr(arrays, name), y) for name in ("full", "causal")}
    return SeriesArrays(**{**arrays.__dict__, "y": y, **changed})


@pytest.mark.parametrize("changes", EVERY)
def test_it_learns_a_wave_comes_back_from_its_files_and_treats_every_origin_by_itself(changes, tmp_path):
    arrays = waves(changes["head"])
    forecaster = fitted(arrays, 150, **changes)
    # counts keep the noise of counts: the error of the mean over few paths
    assert error(forecaster, arrays) < (0.25 if changes["head"] == "negative_binomial" else 0.1)
    origins = last_origins(arrays, (H, H + 3, 60))
    together = forecaster.forecast(arrays, origins, no_progress)
    assert together.quantiles.shape == (len(origins), H, 3)
    assert not together.failed.any()
    assert (np.diff(together.quantiles, axis=2) >= 0).all()
    forecaster.save(tmp_path)
    again = load(tmp_path)
    for o in (0, 2, len(origins) - 1):  # of full windows and of short ones
        alone = again.forecast(arrays, origins.take(slice(o, o + 1)), no_progress)
        assert np.array_equal(alone.quantiles[0], together.quantiles[o])
    blind = forecaster.forecast(late_noise(arrays), origins, no_progress)
    assert np.array_equal(blind.quantiles, together.quantiles)


@pytest.mark.parametrize("changes", [changes for changes in ALLOWED if name_of(changes) in FEW], ids=name_of)
def test_it_trains_in_bfloat16_without_a_step_that_is_not_finite(changes):
    training = TrainingSettings(max_steps=6, batch_size=16, bf16=True)
    arrays = waves(changes["head"])
    forecaster = RecurrentForecaster(small(**changes, training=training), TASK, 4, "cpu")
    report = forecaster.fit(arrays, last_origins(arrays, (H,)), NONE, no_progress)
    assert report.notes["n_steps"] == 6
    assert report.notes["n_skipped_steps"] == 0
    assert all(p.dtype == torch.float32 for p in forecaster.network.parameters())


@pytest.mark.parametrize("changes", REFUSED, ids=name_of)
def test_a_combination_that_cannot_be_is_refused_with_its_reason_and_a_way_out(changes):
    with pytest.raises(InputError) as caught:
        RecurrentSettings("net", **changes)
    message = str(caught.value)
    assert any(message.startswith(refusal.rule) for refusal in REFUSALS.values())
    assert ", got " in message
    assert ": set " in message or ": leave " in message


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"topology": "many_to_many", "bidirectional": True}, "would see the future of that step"),
        ({"topology": "mlp", "bidirectional": True}, "needs recurrent layers that read the window"),
        ({"topology": "many_to_one", "strategy": "recursive", "bidirectional": True}, "cannot be carried"),
        ({"topology": "many_to_many", "encoding": "segments"}, "steps cannot be read in segments"),
        ({"topology": "one_to_many", "encoding": "segments"}, "segments shorten the window"),
        ({"topology": "many_to_one", "strategy": "recursive", "encoding": "segments"}, "cannot be read as a whole"),
        ({"topology": "encoder_decoder", "strategy": "recursive"}, "can be recursive"),
        ({"topology": "one_to_one", "strategy": "direct"}, "one_to_one is never direct"),
        ({"topology": "many_to_one", "decoder": "autoregressive"}, "belongs to encoder_decoder"),
        ({"scheduled_sampling": 0.5}, "for a decoder that reads values"),
        ({"topology": "many_to_many", "strategy": "recursive", "head": "point"}, "intervals that do not widen"),
        ({"decoder": "autoregressive", "head": "point"}, "intervals that do not widen"),
        ({"topology": "mlp", "static": "state"}, "start the state of recurrent layers"),
        ({"head": "negative_binomial", "scaling": "robust"}, "needs counts"),
        ({"topology": "one_to_many", "residual": "last_value"}, "without history"),
        ({"topology": "one_to_many", "scaling": "standard"}, "without history"),
        ({"scaling": "panel", "transform": "difference"}, "not those of its differences"),
        (
            {"cell": "gru", "forget_gate": "exp"},
            "forget_gate is an option of cell slstm, got .*: set forget_gate to sigmoid",
        ),
        ({"cell": "lstm", "recurrent_blocks": 2}, "recurrent_blocks is an option of cell slstm"),
        (
            {"cell": "slstm", "recurrent_blocks": 5, "hidden_size": 32},
            "set hidden_size to a multiple of recurrent_blocks",
        ),
        ({"cell": "slstm", "forget_gate": "relu"}, "forget_gate must be one of exp, sigmoid, got 'relu'"),
        ({"cell": "slstm", "recurrent_blocks": 0}, "recurrent_blocks must be at least 1, got 0"),
    ],
    ids=str,
)
def test_the_reason_is_told(changes, reason):
    from forecasting.forecasters.recurrent.settings import EncodingSettings

    if changes.get("encoding") == "segments":
        changes = changes | {"encoding": EncodingSettings("segments", 4)}
    with pytest.raises(InputError, match=reason):
        RecurrentSettings("net", **changes)


def test_few_combinations_hold_every_pair_of_values():
    assert set().union(*(pairs(c) for c in ALLOWED if name_of(c) in FEW)) == set().union(*map(pairs, ALLOWED))
    assert len(FEW) < len(ALLOWED) / 5
    assert M > H
