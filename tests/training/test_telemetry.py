"""Telemetry by hand."""

import pytest
import torch

from forecasting.training.optimizer import Told
from forecasting.training.telemetry import Telemetry


def told(loss: float, norm: float, ratio: float, usable: bool = True) -> Told:
    return Told(*map(torch.tensor, (loss, norm, ratio, usable)))


def test_means_since_the_last_look_leave_out_steps_that_were_skipped():
    telemetry = Telemetry(clip_norm=1.0)
    for step in (told(4.0, 0.5, 0.1), told(float("nan"), 2.0, 0.0, False), told(2.0, 3.5, 0.3)):
        telemetry.add(step)
    row = telemetry.take()
    assert row == {
        "train_loss": 3.0,
        "gradient_norm": 2.0,
        "gradient_norm_max": 3.5,
        "clip_rate": 0.5,
        "update_ratio": pytest.approx(0.2),
    }
    assert telemetry.n_skipped == 1
    assert telemetry.take() == {}


def test_skipped_steps_in_a_row_are_counted_until_a_usable_one():
    telemetry = Telemetry(None)
    for usable in (False, False, True, False):
        telemetry.add(told(1.0, 1.0, 1.0, usable))
    telemetry.fetch()
    assert (telemetry.longest, telemetry.in_a_row) == (2, 1)
    telemetry.forgive()
    assert (telemetry.longest, telemetry.in_a_row) == (0, 0)
