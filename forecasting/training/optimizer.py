"""One optimizer step: gradients in, weights moved, and what it did as scalars on the device, without waiting for it.

A step is left out where AdamW could not use it: a non-finite loss or gradient, or one whose square overflows the
optimizer's float32 moments (clipping comes first, so that only a fit without clipping can meet the last).
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn

from forecasting.training.settings import TrainingSettings

_LARGEST_NORM = math.sqrt(torch.finfo(torch.float32).max)


class Told(NamedTuple):
    """What one step tells; scalars. `norm` is before clipping, `ratio` |change of weights| / |weights|."""

    loss: Tensor
    norm: Tensor
    ratio: Tensor
    usable: Tensor


def make_optimizer(network: nn.Module, settings: TrainingSettings) -> torch.optim.AdamW:
    """Fused AdamW (Loshchilov & Hutter 2019); matrices decay, biases do not."""
    matrices = [p for p in network.parameters() if p.dim() > 1]
    biases = [p for p in network.parameters() if p.dim() <= 1]
    groups = [{"params": matrices, "weight_decay": settings.weight_decay}, {"params": biases, "weight_decay": 0.0}]
    return torch.optim.AdamW([g for g in groups if g["params"]], lr=settings.learning_rate, fused=True)


class Updater:
    """Moves the weights of one network by its gradients."""

    def __init__(self, network: nn.Module, settings: TrainingSettings) -> None:
        self.parameters = [p for p in network.parameters() if p.requires_grad]
        self.clip_norm = settings.clip_norm
        self.optimizer = make_optimizer(network, settings)

    def update(self, loss: Tensor, rate: float) -> Told:
        """One step at this rate with the gradients as they are, clipped; weights and moments stay where it is not usable."""
        moved = [p for p in self.parameters if p.grad is not None]
        gradients = [p.grad for p in moved if p.grad is not None]
        # float64: a norm of 1e25 can still be clipped, in float32 its square would be infinite
        norm = torch.stack(torch._foreach_norm(gradients, 2, dtype=torch.float64)).norm()
        usable = torch.isfinite(norm) & torch.isfinite(loss)
        if self.clip_norm is None:
            usable = usable & (norm <= _LARGEST_NORM)
        else:
            factor = (self.clip_norm / (norm + 1e-6)).clamp(max=1.0).float()
            torch._foreach_mul_(gradients, factor)
        before = [p.detach().clone() for p in moved]
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        # the fused kernel then leaves weights and moments alone
        self.optimizer.found_inf = (~usable).float()  # type: ignore[attr-defined]
        self.optimizer.step()
        weights = torch.stack(torch._foreach_norm(before)).norm()
        torch._foreach_sub_(before, [p.detach() for p in moved])
        change = torch.stack(torch._foreach_norm(before)).norm()
        return Told(loss, norm, change / weights.clamp(min=1e-30), usable)
