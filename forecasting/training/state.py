"""All that changes while a network is trained, as tensors and plain values: what a checkpoint holds and a fit goes back to.

Comes in: the parts of a fit. Goes out: `FitState`. How it is kept on disk is left to whoever hands in `Checkpoints`.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor, nn

from forecasting.training.averaging import Average
from forecasting.training.batches import Batches
from forecasting.training.optimizer import Updater
from forecasting.training.settings import TrainingSettings


class FitState(NamedTuple):
    """Tensors by name, and values that JSON can hold."""

    tensors: dict[str, Tensor]
    values: dict[str, Any]


class Checkpoints(Protocol):
    """Where the states of one fit are kept; the newest whole one comes back after a kill."""

    def load(self) -> FitState | None:
        """The newest state, None where there is none."""
        ...

    def save(self, state: FitState) -> None:
        """Keep this state, whole or not at all."""
        ...


@dataclass
class Trained:
    """What a fit came to. `history`: one row per look {step, train_loss, valid_loss, gradient_norm, ...}.

    `profiles`: {step, profile} of the gradient through time (see `probe`). `resumed_from`: step of the checkpoint, or 0.
    """

    history: list[dict[str, float]] = field(default_factory=list)
    profiles: list[dict[str, Any]] = field(default_factory=list)
    notes: dict[str, str] = field(default_factory=dict)  # what a reader should know: a halved batch, a step back
    n_steps: int = 0
    n_skipped: int = 0
    best_step: int = 0
    best_loss: float | None = None
    looks_since_best: int = 0
    resumed_from: int = 0


class Fit:
    """The moving parts of one fit."""

    def __init__(self, network: nn.Module, batches: Batches, settings: TrainingSettings) -> None:
        self.network, self.batches = network, batches
        self.updater = Updater(network, settings)
        self.average = Average(network, settings)
        self.device = self.updater.parameters[0].device
        self.trained = Trained()
        self.best_weights: dict[str, Tensor] = {}
        self.rate_factor = 1.0
        self.n_set_back = 0

    def keep_best(self, step: int, loss: float) -> None:
        """The weights as they are now (averaged ones where they are applied) are the best so far."""
        self.trained.best_loss, self.trained.best_step, self.trained.looks_since_best = loss, step, 0
        self.best_weights = _copied(self.network.state_dict())

    def snapshot(self) -> FitState:
        """A copy of everything."""
        optimizer = self.updater.optimizer.state_dict()["state"]
        moments = {f"{i}/{key}": value for i, row in optimizer.items() for key, value in row.items()}
        random = {"cpu": torch.get_rng_state(), "batches": self.batches.generator.get_state()}
        if self.device.type == "cuda":
            random["cuda"] = torch.cuda.get_rng_state(self.device)
        parts: dict[str, Mapping[str, Tensor]] = {
            "network": self.network.state_dict(),
            "optimizer": moments,
            "average": self.average.named(),
            "best": self.best_weights,
            "random": random,
        }
        tensors = {f"{part}/{name}": t for part, named in parts.items() for name, t in _copied(named).items()}
        values = {
            "trained": asdict(self.trained),
            "n_averaged": self.average.n,
            "batch_size": self.batches.batch_size,
            "rate_factor": self.rate_factor,
            "n_set_back": self.n_set_back,
        }
        return FitState(tensors, values)

    def resume(self, state: FitState | None) -> None:
        """Go on as the fit would have gone on that left this state; from the start where there is none."""
        if state is None:
            return
        self.set_back(state)
        self.best_weights = _part(state, "best")
        values = state.values
        self.trained = Trained(**values["trained"])
        self.trained.resumed_from = self.trained.n_steps
        self.rate_factor, self.n_set_back = values["rate_factor"], values["n_set_back"]
        self.batches.batch_size = values["batch_size"]
        random = _part(state, "random")
        self.batches.generator.set_state(random["batches"].cpu())
        torch.set_rng_state(random["cpu"].cpu())
        if self.device.type == "cuda" and "cuda" in random:
            torch.cuda.set_rng_state(random["cuda"].cpu(), self.device)

    def set_back(self, state: FitState) -> None:
        """Weights, the optimizer's moments and averages as they were; what has been drawn and told stays."""
        self.network.load_state_dict(_part(state, "network"))
        self.average.load(_part(state, "average"), state.values["n_averaged"])
        optimizer = self.updater.optimizer
        rows: dict[int, dict[str, Tensor]] = {}
        for name, tensor in _part(state, "optimizer").items():
            position, _, key = name.partition("/")
            rows.setdefault(int(position), {})[key] = tensor.clone()  # else the next step would write into `state`
        optimizer.load_state_dict({"state": rows, "param_groups": optimizer.state_dict()["param_groups"]})


def _copied(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.detach().clone() for name, tensor in tensors.items()}


def _part(state: FitState, part: str) -> dict[str, Tensor]:
    prefix = f"{part}/"
    return {name.removeprefix(prefix): t for name, t in state.tensors.items() if name.startswith(prefix)}
