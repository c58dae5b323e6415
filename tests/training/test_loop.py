"""The loop on small problems whose answer is known: it learns, stops early with the best weights, goes back, repeats."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from forecasting.errors import DivergedError
from forecasting.models.cells import CELLS
from forecasting.training.loop import MAX_SKIPPED, train
from forecasting.training.schedules import SCHEDULES
from forecasting.training.settings import TrainingSettings
from tests.training.problems import SETTINGS, Line, adding


def broken_at(*numbers: int):
    """Losses with these numbers, from 0, are NaN."""
    count = iter(range(10**6))
    return lambda loss: loss * float("nan") if next(count) in numbers else loss


def test_a_line_is_learnt():
    line = Line()
    trained = train(line, line, SETTINGS)
    assert line.weight.item() == pytest.approx(3, abs=0.05)
    assert line.bias.item() == pytest.approx(1, abs=0.05)
    assert trained.n_steps == trained.best_step == 200
    assert [row["step"] for row in trained.history] == list(range(10, 201, 10))
    assert not line.training


def test_early_stopping_restores_the_weights_of_the_best_look():
    line, seen = Line(), []
    losses = iter([5.0, 4.0, 1.0, *[9.0] * 50])

    def validate() -> float:
        seen.append(line.weight.item())
        return next(losses)

    trained = train(line, line, SETTINGS, validate)
    assert (trained.best_step, trained.best_loss, trained.n_steps) == (30, 1.0, 30 + 10 * SETTINGS.patience)
    assert line.weight.item() == seen[2] != seen[-1]


def test_stop_after_follows_the_same_schedule_and_ends_at_that_step():
    rates = []
    for stop in (None, 50):
        line = Line()
        settings = TrainingSettings(max_steps=100, batch_size=1, schedule="one_cycle", valid_every=10)
        trained = train(line, line, settings, stop_after=stop)
        rates.append([row["learning_rate"] for row in trained.history])
    assert rates[1] == rates[0][:5]


@pytest.mark.parametrize("cell", sorted(CELLS))
def test_ten_fits_with_the_same_seed_end_in_the_same_bytes(cell):
    fits = set()
    for _ in range(10):
        problem = adding(cell, hidden_size=6, length=8, batch_size=4)
        train(problem, problem, replace(SETTINGS, max_steps=30, averaging="ema"))
        fits.add(b"".join(p.detach().numpy().tobytes() for p in problem.parameters()))
    assert len(fits) == 1


def test_a_step_with_a_non_finite_loss_changes_nothing_and_is_counted():
    line = Line(change=broken_at(*range(0, 200, 5)))
    trained = train(line, line, SETTINGS)
    assert trained.n_skipped == 40
    assert sum(row["skipped_steps"] for row in trained.history) == 40
    assert line.weight.item() == pytest.approx(3, abs=0.05)


def test_too_many_bad_steps_lead_back_to_the_last_good_weights_at_half_the_rate_once():
    line = Line(change=broken_at(*range(100, 100 + MAX_SKIPPED + 1)))
    trained = train(line, line, SETTINGS)
    rates = [row["learning_rate"] for row in trained.history]
    assert rates[:11] == [0.05] * 11
    assert rates[12:] == [0.025] * 8
    assert "back to the weights of step 100 at half the learning rate" in trained.notes["set_back"]
    assert line.weight.item() == pytest.approx(3, abs=0.05)


def test_weights_that_a_fit_goes_back_to_are_those_of_the_last_good_look():
    seen: list[float] = []

    def change(loss: Tensor) -> Tensor:
        seen.append(line.weight.item())
        return loss * float("nan") if 105 <= len(seen) <= 120 else loss  # steps 105 to 120; the look was at 100

    line = Line(change=change)
    train(line, line, SETTINGS)
    assert seen[103] != seen[100]  # steps 101 to 104 moved the weights
    assert seen[120] == seen[100]  # and were taken back


def test_a_fit_that_stays_non_finite_ends_with_a_named_error_and_its_history():
    line = Line(change=broken_at(*range(50, 10**5)))
    with pytest.raises(DivergedError, match=r"half the learning rate too: lower training\.learning_rate") as caught:
        train(line, line, SETTINGS)
    assert [row["step"] for row in caught.value.history][:5] == [10, 20, 30, 40, 50]
    assert torch.isfinite(line.weight).all()


def test_a_validation_that_is_never_finite_ends_the_fit_with_a_named_error():
    line = Line()
    with pytest.raises(DivergedError, match="finite validation loss, got none in 60 steps"):
        train(line, line, SETTINGS, lambda: float("nan"))


def test_a_short_fit_without_one_usable_step_is_an_error_too():
    line = Line(change=broken_at(*range(5)))
    with pytest.raises(DivergedError, match="step with a finite loss"):
        train(line, line, replace(SETTINGS, max_steps=5))


@pytest.mark.parametrize("name", sorted(SCHEDULES))
def test_a_schedule_never_leaves_zero_to_one_and_ends_no_higher_than_its_peak(name):
    rates = [SCHEDULES[name](step / 100) for step in range(100)]
    assert all(0 <= rate <= 1 for rate in rates)
    assert max(rates) == pytest.approx(1, abs=0.02)
