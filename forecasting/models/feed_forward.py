"""Layers without memory: what a recurrent network is contrasted with. Axes: ... leading, F inputs, D hidden."""

import torch
from torch import Tensor, nn


class FeedForward(nn.Module):
    """(..., F) -> (..., D) through `n_layers` of linear, relu and dropout; with `residual` all but the first add on."""

    def __init__(self, n_inputs: int, hidden_size: int, n_layers: int, dropout: float, *, residual: bool) -> None:
        super().__init__()
        widths = [n_inputs] + [hidden_size] * (n_layers - 1)
        self.layers = nn.ModuleList(nn.Linear(width, hidden_size) for width in widths)
        self.dropout, self.residual, self.n_outputs = nn.Dropout(dropout), residual, hidden_size

    def forward(self, inputs: Tensor) -> Tensor:
        """The top layer."""
        below = inputs
        for n, layer in enumerate(self.layers):
            hidden = self.dropout(torch.relu(layer(below)))
            below = below + hidden if self.residual and n else hidden
        return below
