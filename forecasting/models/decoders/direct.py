"""Direct multi-step decoder: from one hidden state to all steps of the horizon at once.

Axes: ... leading (B, or B and T where every step is an origin), D hidden, H horizon, K known-future covariates, E
features of a step, P parameters of the head. Without known-future covariates it is one linear map (Wen et al. 2017 call
it direct multi-horizon); with them the state gives each step E features, which are joined with what is known of that step.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

_STEP_FEATURES = 16


class DirectDecoder(nn.Module):
    """hidden (..., D), future (..., H, K) -> raw (..., H, P)."""

    def __init__(self, hidden_size: int, horizon: int, n_future: int, n_parameters: int) -> None:
        super().__init__()
        self.horizon, self.n_future = horizon, n_future
        per_step = _STEP_FEATURES if n_future else n_parameters
        self.project = nn.Linear(hidden_size, horizon * per_step)
        if n_future:
            self.known = nn.Linear(n_future, _STEP_FEATURES)
            self.mix = nn.Linear(2 * _STEP_FEATURES, 2 * _STEP_FEATURES)
            self.out = nn.Linear(2 * _STEP_FEATURES, n_parameters)

    def forward(self, hidden: Tensor, future: Tensor) -> Tensor:
        """Raw parameters of each step."""
        steps: Tensor = self.project(hidden).unflatten(-1, (self.horizon, -1))
        if not self.n_future:
            return steps
        joined = torch.cat([steps, self.known(future)], dim=-1)
        mixed: Tensor = self.out(functional.gelu(self.mix(functional.gelu(joined))))
        return mixed
