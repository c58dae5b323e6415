"""Averages of weights by hand, and a fit that keeps them."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from forecasting.errors import InputError
from forecasting.training.averaging import Average
from forecasting.training.loop import train
from forecasting.training.settings import TrainingSettings
from tests.training.problems import SETTINGS, Line


def averaged(kind: str, weights: list[float], max_steps: int) -> float:
    layer = nn.Linear(1, 1, bias=False)
    average = Average(layer, replace(SETTINGS, averaging=kind, average_decay=0.9, max_steps=max_steps))
    for step, weight in enumerate(weights, 1):
        nn.init.constant_(layer.weight, weight)
        average.add(step)
    with average.applied():
        inside = layer.weight.item()
    assert layer.weight.item() == weights[-1]
    return inside


def test_swa_is_the_plain_mean_of_the_last_quarter():
    assert averaged("swa", [9.0, 9.0, 9.0, 9.0, 9.0, 9.0, 1.0, 2.0], max_steps=8) == pytest.approx(1.5)


def test_ema_moves_towards_the_weights_by_a_tenth_once_it_is_warm():
    assert averaged("ema", [5.0] * 500 + [15.0], max_steps=501) == pytest.approx(6.0, rel=1e-2)


def test_without_an_average_the_weights_are_their_own():
    assert averaged("none", [1.0, 2.0], max_steps=2) == 2.0


@pytest.mark.parametrize("kind", ["ema", "swa"])
def test_the_weights_that_are_judged_are_the_averaged_ones_and_those_are_kept(kind):
    judged = []
    for validated in (True, False):
        line = Line(batch_size=2)
        settings = replace(SETTINGS, averaging=kind, patience=100)

        def validate(line: Line = line) -> float:
            judged.append(line.weight.item())
            return -float(len(judged))

        train(line, line, settings, validate if validated else None)
        assert line.weight.item() == judged[-1]
    plain = Line(batch_size=2)
    train(plain, plain, SETTINGS)
    assert plain.weight.item() != judged[-1]
    assert torch.allclose(plain.weight, torch.tensor(judged[-1]), atol=0.05)


def test_an_unknown_average_is_refused():
    with pytest.raises(InputError, match="averaging must be one of ema, none, swa, got 'mean'"):
        TrainingSettings(averaging="mean")
