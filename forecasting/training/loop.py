"""The training loop: draw, loss, backward, clip, update; looks at validation, keeps the best weights.

Comes in: a network, a function that draws a batch and gives its loss, settings without nulls. Goes out: the network with
its best weights, and `Trained`. It knows nothing of series or of where the record goes. A step with a non-finite loss or
gradient is skipped on the device itself (no wait for it); too many in a row end the fit with DivergedError.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from forecasting.errors import DivergedError
from forecasting.training.schedules import SCHEDULES
from forecasting.training.settings import TrainingSettings
from forecasting.training.telemetry import Telemetry

MAX_SKIPPED = 10  # steps in a row
OnStep = Callable[[int, int, str], None]  # done, total, text
OnValidation = Callable[[int, float], None]  # number of the look from 1, loss; may raise to end the fit


@dataclass
class Trained:
    """`history`: one row per look {step, train_loss, valid_loss, gradient_norm, clip_rate, learning_rate}."""

    history: list[dict[str, float]] = field(default_factory=list)
    n_steps: int = 0
    n_skipped: int = 0
    best_step: int = 0
    best_loss: float | None = None
    best_weights: dict[str, Tensor] | None = None


def nothing(look: int, loss: float) -> None:
    """For fits that nobody watches."""


def train(
    network: nn.Module,
    batch_loss: Callable[[], Tensor],
    settings: TrainingSettings,
    validate: Callable[[], float] | None,
    on_step: OnStep,
    on_validation: OnValidation = nothing,
    stop_after: int | None = None,
) -> Trained:
    """Train for max_steps; with `validate` stop after `patience` looks without a better loss and restore the best weights.

    `stop_after` ends the same schedule at that step, without validation; the last weights stay. Raises
    DivergedError after more than MAX_SKIPPED skipped steps in a row, or where no validation loss was ever finite.
    """
    assert settings.max_steps is not None
    assert settings.valid_every is not None
    total = min(settings.max_steps, stop_after or settings.max_steps)
    validate = None if stop_after else validate
    schedule = SCHEDULES[settings.schedule]
    optimizer = make_optimizer(network, settings)
    telemetry, trained, looks_since_best = Telemetry(settings.clip_norm), Trained(), 0
    tell_every = max(1, min(20, settings.valid_every, total // 20))
    network.train()
    for step in range(1, total + 1):
        rate = settings.learning_rate * schedule((step - 1) / settings.max_steps)
        loss = batch_loss()
        norm = update(network, optimizer, loss, rate, settings.clip_norm)
        telemetry.add(loss.detach(), norm)
        look = step % settings.valid_every == 0 or step == total
        if look or step % tell_every == 0:
            telemetry.fetch()
            if telemetry.longest_skip > MAX_SKIPPED:
                raise DivergedError(_diverged(telemetry.longest_skip, step, settings))
            on_step(step, total, telemetry.text(trained.best_loss))
        if not look:
            continue
        row = {"step": float(step), **telemetry.take(), "learning_rate": rate}
        if validate is not None:
            looks_since_best = _look(network, validate, trained, step, row, looks_since_best)
        trained.history.append(row)
        trained.n_steps, trained.n_skipped = step, telemetry.n_skipped
        if validate is not None:
            on_validation(len(trained.history), row.get("valid_loss", math.inf))
            if looks_since_best >= settings.patience:
                break
    _finish(network, trained, validated=validate is not None)
    return trained


def make_optimizer(network: nn.Module, settings: TrainingSettings) -> torch.optim.AdamW:
    """Fused AdamW (Loshchilov & Hutter 2019); matrices decay, biases do not."""
    matrices = [p for p in network.parameters() if p.dim() > 1]
    biases = [p for p in network.parameters() if p.dim() <= 1]
    groups = [{"params": matrices, "weight_decay": settings.weight_decay}, {"params": biases, "weight_decay": 0.0}]
    return torch.optim.AdamW([g for g in groups if g["params"]], lr=settings.learning_rate, fused=True)


def update(
    network: nn.Module, optimizer: torch.optim.AdamW, loss: Tensor, rate: float, clip_norm: float | None
) -> Tensor:
    """One optimizer step at this rate; returns the gradient norm before clipping. Not done where anything is not finite."""
    optimizer.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    gradients = [p.grad for p in network.parameters() if p.grad is not None]
    norm = nn.utils.get_total_norm(gradients, foreach=True)
    if clip_norm is not None:
        nn.utils.clip_grads_with_norm_(network.parameters(), clip_norm, norm, foreach=True)
    for group in optimizer.param_groups:
        group["lr"] = rate
    finite = torch.isfinite(norm) & torch.isfinite(loss.detach())
    optimizer.found_inf = (~finite).float()  # type: ignore[attr-defined]  # the fused kernel then leaves weights and moments alone
    optimizer.step()
    return norm


def _look(
    network: nn.Module,
    validate: Callable[[], float],
    trained: Trained,
    step: int,
    row: dict[str, float],
    looks_since_best: int,
) -> int:
    """Validate once, note a better loss with its weights; returns the looks since the best one."""
    network.eval()
    with torch.no_grad():
        loss = validate()
    network.train()
    if math.isfinite(loss):
        row["valid_loss"] = loss
    if not math.isfinite(loss) or (trained.best_loss is not None and loss >= trained.best_loss):
        return looks_since_best + 1
    trained.best_loss, trained.best_step = loss, step
    trained.best_weights = {name: value.detach().clone() for name, value in network.state_dict().items()}
    return 0


def _finish(network: nn.Module, trained: Trained, *, validated: bool) -> None:
    if validated and trained.best_weights is None:
        raise DivergedError(
            f"a fit must reach a finite validation loss, got none in {trained.n_steps} steps: lower training.learning_rate"
        )
    if trained.best_weights is not None:
        network.load_state_dict(trained.best_weights)
        trained.best_weights = None
    else:
        trained.best_step = trained.n_steps
    network.eval()


def _diverged(skipped: int, step: int, settings: TrainingSettings) -> str:
    return (
        f"a fit must have finite losses and gradients, got {skipped} non-finite steps in a row at step {step} "
        f"(learning rate {settings.learning_rate:g}): lower training.learning_rate or set training.clip_norm"
    )
