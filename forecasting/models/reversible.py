"""The learned part of reversible instance normalisation: z goes in as gamma z + beta, what comes out is taken back.

Kim et al. 2022 (RevIN): a window is normalised by its own mean and deviation, moved by gamma and beta, which all windows
share, and the forecast is moved and normalised back by the same numbers. gamma = exp(log_gamma), so it stays above 0 and
quantiles keep their order; log_gamma and beta start at 0, where nothing is moved.
"""

import torch
from torch import Tensor, nn

from forecasting.models.distributions import Distribution


class ReversibleAffine(nn.Module):
    """For the first two inputs of a step: y in units of its window, and its change."""

    def __init__(self) -> None:
        super().__init__()
        self.log_gamma = nn.Parameter(torch.zeros(()))
        self.beta = nn.Parameter(torch.zeros(()))

    def forward(self, steps_BTF: Tensor) -> Tensor:
        """(gamma y + beta, gamma change, the rest as it is); (B, T, F)."""
        gamma = self.log_gamma.exp()
        y_BT, change_BT = gamma * steps_BTF[..., 0] + self.beta, gamma * steps_BTF[..., 1]
        return torch.cat([torch.stack([y_BT, change_BT], dim=-1), steps_BTF[..., 2:]], dim=-1)

    def undone(self, moved: Distribution) -> Distribution:
        """The distribution of z where that of gamma z + beta is `moved`; of the same kind."""
        return moved.standardised(self.beta, self.log_gamma.exp())
