"""The loop on small problems whose answer is known: it learns, clips, stops early with the best weights, and repeats."""

import pytest
import torch
from torch import nn

from forecasting.errors import DivergedError
from forecasting.models.distributions import Quantiles
from forecasting.training.loop import MAX_SKIPPED, make_optimizer, train, update
from forecasting.training.losses import LOSSES, masked_mean
from forecasting.training.schedules import SCHEDULES
from forecasting.training.settings import TrainingSettings

SETTINGS = TrainingSettings(
    max_steps=200, batch_size=1, learning_rate=0.05, weight_decay=0.0, schedule="constant", valid_every=10
)
LEVELS = torch.tensor([0.1, 0.5, 0.9])


def quiet(done: int, total: int, text: str) -> None:
    pass


def line() -> tuple[nn.Linear, torch.Tensor, torch.Tensor]:
    torch.manual_seed(0)
    x = torch.linspace(-1, 1, 32)[:, None]
    return nn.Linear(1, 1), x, 3 * x + 1


def test_a_line_is_learnt():
    model, x, y = line()
    trained = train(model, lambda: (model(x) - y).square().mean(), SETTINGS, None, quiet)
    assert model.weight.item() == pytest.approx(3, abs=0.05)
    assert model.bias.item() == pytest.approx(1, abs=0.05)
    assert trained.n_steps == trained.best_step == 200
    assert [row["step"] for row in trained.history] == list(range(10, 201, 10))


def test_early_stopping_restores_the_weights_of_the_best_look():
    model, x, y = line()
    losses, seen = iter([5.0, 4.0, 1.0, *[9.0] * 50]), []

    def validate() -> float:
        seen.append(model.weight.item())
        return next(losses)

    trained = train(model, lambda: (model(x) - y).square().mean(), SETTINGS, validate, quiet)
    assert (trained.best_step, trained.best_loss, trained.n_steps) == (30, 1.0, 30 + 10 * SETTINGS.patience)
    assert model.weight.item() == seen[2] != seen[-1]


def test_stop_after_follows_the_same_schedule_and_ends_at_that_step():
    rates = []
    for stop in (None, 50):
        model, x, y = line()
        settings = TrainingSettings(max_steps=100, batch_size=1, schedule="one_cycle", valid_every=10)
        trained = train(
            model, lambda m=model, a=x, b=y: (m(a) - b).square().mean(), settings, None, quiet, stop_after=stop
        )
        rates.append([row["learning_rate"] for row in trained.history])
    assert rates[1] == rates[0][:5]


def test_the_gradient_is_clipped_to_the_norm_and_the_norm_before_is_reported():
    model, x, y = line()
    settings = TrainingSettings(max_steps=1, batch_size=1, clip_norm=0.5, valid_every=1)
    norm = update(model, make_optimizer(model, settings), 1e3 * (model(x) - y).square().mean(), 1e-3, 0.5)
    clipped = torch.cat([p.grad.flatten() for p in model.parameters()]).norm()
    assert norm > 100
    assert clipped.item() == pytest.approx(0.5, rel=1e-3)


def test_a_step_with_a_non_finite_loss_changes_nothing_and_is_counted():
    model, x, y = line()
    calls = iter(range(1000))

    def loss() -> torch.Tensor:
        broken = float("nan") if next(calls) % 5 == 0 else 1.0
        return broken * (model(x) - y).square().mean()

    trained = train(model, loss, SETTINGS, None, quiet)
    assert trained.n_skipped == 40
    assert model.weight.item() == pytest.approx(3, abs=0.05)


def test_a_fit_that_stays_non_finite_ends_with_a_named_error():
    model, x, _ = line()
    with pytest.raises(DivergedError, match=r"finite losses and gradients.*lower training\.learning_rate"):
        train(model, lambda: model(x).sum() * float("inf"), SETTINGS, None, quiet)
    assert MAX_SKIPPED == 10


@pytest.mark.parametrize("name", sorted(SCHEDULES))
def test_a_schedule_never_leaves_zero_to_one_and_ends_no_higher_than_its_peak(name):
    rates = [SCHEDULES[name](step / 100) for step in range(100)]
    assert all(0 <= rate <= 1 for rate in rates)
    assert max(rates) == pytest.approx(1, abs=0.02)


def test_pinball_by_hand():
    quantiles, target = torch.tensor([[[1.0, 2.0, 4.0]]]), torch.tensor([[3.0]])
    # errors 2, 1, -1 at levels 0.1, 0.5, 0.9: 0.2, 0.5, 0.1
    assert LOSSES["pinball"].value(
        Quantiles(quantiles, (0.1, 0.5, 0.9)), target, torch.tensor([[True]]), LEVELS
    ).item() == pytest.approx(0.8 / 3)


@pytest.mark.parametrize("name", sorted(name for name, loss in LOSSES.items() if "quantiles" in loss.heads))
def test_a_masked_target_takes_no_part_in_any_loss_or_gradient(name):
    quantiles = torch.randn(2, 4, 3).sort(-1).values.requires_grad_()
    target, mask = torch.randn(2, 4), torch.ones(2, 4, dtype=torch.bool)
    mask[1, 2] = False
    gradients = []
    for hidden in (0.0, 1e6):
        target[1, 2] = hidden
        (gradient,) = torch.autograd.grad(
            LOSSES[name].value(Quantiles(quantiles, (0.1, 0.5, 0.9)), target, mask, LEVELS), quantiles
        )
        gradients.append(gradient)
    assert torch.equal(*gradients)
    assert not gradients[0][1, 2].any()
    assert masked_mean(target, torch.zeros_like(mask)).item() == 0
