"""The training loop: step, look at validation, keep the best weights; go back once where steps stay non-finite.

Comes in: a network, batches with their loss, settings without nulls. Goes out: the network with its best weights, and
`Trained`. It knows nothing of series, of files or of where the record goes.
"""

import math
from collections.abc import Callable

import torch
from torch import nn

from forecasting.errors import DivergedError
from forecasting.training.batches import Batches
from forecasting.training.probe import Probe
from forecasting.training.schedules import SCHEDULES
from forecasting.training.settings import TrainingSettings
from forecasting.training.state import Checkpoints, Fit, FitState, Trained
from forecasting.training.steps import Stepper
from forecasting.training.telemetry import Telemetry

MAX_SKIPPED = 10  # steps in a row
OnStep = Callable[[int, int, str], None]  # done, total, text
OnValidation = Callable[[int, float], None]  # number of the look from 1, loss; may raise to end the fit


def untold(done: int, total: int, text: str) -> None:
    """For fits whose steps nobody watches."""


def nothing(look: int, loss: float) -> None:
    """For fits whose looks nobody watches."""


def train(
    network: nn.Module,
    batches: Batches,
    settings: TrainingSettings,
    validate: Callable[[], float] | None = None,
    *,
    on_step: OnStep = untold,
    on_validation: OnValidation = nothing,
    stop_after: int | None = None,
    probe: Probe | None = None,
    checkpoints: Checkpoints | None = None,
) -> Trained:
    """Train for max_steps; with `validate` stop after `patience` looks without a better loss and restore the best weights.

    `stop_after` ends the same schedule at that step, without validation; the last weights stay. With `checkpoints` the
    state at each good look is kept there, and a fit that finds one goes on from it as if it had never stopped.
    More than MAX_SKIPPED skipped steps in a row: back to the last good look at half the rate; a second time, or where no
    validation loss was ever finite: DivergedError, which carries the history.
    """
    assert settings.max_steps is not None
    assert settings.valid_every is not None
    total = min(settings.max_steps, stop_after or settings.max_steps)
    validate = None if stop_after else validate
    schedule = SCHEDULES[settings.schedule]
    fit = Fit(network, batches, settings)
    fit.resume(checkpoints.load() if checkpoints is not None else None)
    trained, telemetry = fit.trained, Telemetry(settings.clip_norm)
    take_step = Stepper(network, batches, fit.updater, settings, trained.notes)
    good = fit.snapshot()
    tell_every = max(1, min(20, settings.valid_every, total // 20))
    network.train()
    if probe is not None and not trained.n_steps:
        trained.profiles.append(probe.row(0))
    for step in range(trained.n_steps + 1, total + 1):
        if _done(trained, settings, validated=validate is not None):
            break
        rate = fit.rate_factor * settings.learning_rate * schedule((step - 1) / settings.max_steps)
        telemetry.add(take_step(rate))
        fit.average.add(step)
        look = step % settings.valid_every == 0 or step == total
        if look or step % tell_every == 0:
            telemetry.fetch()
            if telemetry.longest > MAX_SKIPPED:
                _set_back(fit, good, step, telemetry)
            on_step(step, total, telemetry.text(trained.best_loss))
        if not look:
            continue
        n_skipped, telemetry.n_skipped = telemetry.n_skipped, 0
        row = {"step": float(step), **telemetry.take(), "learning_rate": rate, "skipped_steps": float(n_skipped)}
        trained.n_steps, trained.n_skipped = step, trained.n_skipped + n_skipped
        with fit.average.applied():
            if validate is not None:
                _look(fit, validate, step, row)
            if probe is not None and _is_power_of_two(len(trained.history) + 1):
                trained.profiles.append(probe.row(step))
                row["effective_memory"] = float(trained.profiles[-1]["effective_memory"])
        trained.history.append(row)
        if telemetry.in_a_row == 0 and (validate is None or "valid_loss" in row):
            good = fit.snapshot()
            if checkpoints is not None:
                checkpoints.save(good)
        if validate is not None:
            on_validation(len(trained.history), row.get("valid_loss", math.inf))
    _finish(fit, probe, validated=validate is not None)
    return trained


def _done(trained: Trained, settings: TrainingSettings, *, validated: bool) -> bool:
    return validated and trained.looks_since_best >= settings.patience


def _look(fit: Fit, validate: Callable[[], float], step: int, row: dict[str, float]) -> None:
    """Validate once; a better loss is kept with its weights."""
    fit.network.eval()
    with torch.no_grad():
        loss = validate()
    fit.network.train()
    if math.isfinite(loss):
        row["valid_loss"] = loss
    best = fit.trained.best_loss
    if math.isfinite(loss) and (best is None or loss < best):
        fit.keep_best(step, loss)
    else:
        fit.trained.looks_since_best += 1


def _set_back(fit: Fit, good: FitState, step: int, telemetry: Telemetry) -> None:
    """The last good weights at half the rate; the second time the fit has diverged."""
    if fit.n_set_back:
        way_out = "lower training.learning_rate"
        if fit.updater.clip_norm is None:
            way_out += " or set training.clip_norm"
        raise DivergedError(
            f"a fit must have finite losses and gradients, got {telemetry.longest} non-finite steps in a row at step {step}, "
            f"at half the learning rate too: {way_out}",
            fit.trained.history,
        )
    fit.set_back(good)
    fit.rate_factor, fit.n_set_back = fit.rate_factor / 2, fit.n_set_back + 1
    back_to = good.values["trained"]["n_steps"]
    fit.trained.notes["set_back"] = (
        f"{telemetry.longest} non-finite steps in a row at step {step}: "
        f"back to the weights of step {back_to} at half the learning rate"
    )
    telemetry.forgive()


def _finish(fit: Fit, probe: Probe | None, *, validated: bool) -> None:
    """The network with the weights that are kept, ready to forecast."""
    trained = fit.trained
    if (validated and trained.best_loss is None) or not any("train_loss" in row for row in trained.history):
        wanted = "a finite validation loss" if validated else "a step with a finite loss"
        raise DivergedError(
            f"a fit must reach {wanted}, got none in {trained.n_steps} steps: lower training.learning_rate",
            trained.history,
        )
    if trained.best_loss is not None:
        fit.network.load_state_dict(fit.best_weights)
    else:
        trained.best_step = trained.n_steps
        fit.average.keep()
    fit.network.eval()
    if probe is not None:
        trained.profiles.append(probe.row(trained.best_step))


def _is_power_of_two(n: int) -> bool:
    return n & (n - 1) == 0
