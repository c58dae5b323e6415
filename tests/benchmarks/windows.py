"""A panel, a network and their batches for benchmarks on a machine that has torch and numpy only."""

import numpy as np
import torch
from torch import Tensor

from forecasting.models.network import Network, build_network
from forecasting.models.shape import NetworkShape
from forecasting.training.losses import LOSSES, Judged
from forecasting.windows.gather import Windows, gather, gather_targets
from forecasting.windows.index import WindowIndex, build_index
from forecasting.windows.panel import Panel, build_panel
from forecasting.windows.sampler import WindowSampler
from forecasting.windows.spec import N_STEP_INPUTS, WindowSpec

LEVELS, SEASON = (0.1, 0.5, 0.9), 24


class WindowBatches:
    """What a fit trains on (see `forecasting.training.batches`): windows of a panel, pinball loss of every origin."""

    why_eager: str | None = None

    def __init__(
        self, network: Network, panel: Panel, index: WindowIndex, limit: Tensor, spec: WindowSpec, batch_size: int
    ) -> None:
        self.network, self.panel, self.spec, self.limit = network, panel, spec, limit.to(panel.device)
        self.sampler = WindowSampler(index, batch_size, 1, panel.device)
        self.batch_size, self.generator = batch_size, self.sampler.generator

    def draw(self) -> tuple[Tensor, ...]:
        return self.sampler.draw()

    def windows(self, batch: tuple[Tensor, ...]) -> tuple[Windows, Tensor, Tensor]:
        """Windows, targets and mask of a batch."""
        series, row = batch
        windows = gather(self.panel, series, row, self.spec, all_origins=self.spec.every_step)
        targets = gather_targets(self.panel, series, row, windows, self.limit[series], self.spec)
        return windows, targets.z, targets.mask

    def judge(self, windows: Windows, z: Tensor, mask: Tensor) -> Tensor:
        """The loss of the network on windows that are ready."""
        forecast = self.network.distribution(self.network(windows.inputs), windows.spread)
        return LOSSES["pinball"].value(Judged(forecast, z, mask, LEVELS, windows.unscale, windows.spread))

    def loss(self, batch: tuple[Tensor, ...]) -> Tensor:
        return self.judge(*self.windows(batch))


def simulated_panel(n_series: int, length: int, device: torch.device) -> tuple[Panel, WindowIndex, Tensor, int]:
    """Random walks on a daily season, without gaps: panel, index of all its windows, last rows, and bytes of y as float32."""
    rng, N = np.random.default_rng(1), n_series * length
    y = rng.standard_normal(N, dtype=np.float32)
    for begin in range(0, N, length):
        np.cumsum(y[begin : begin + length], out=y[begin : begin + length])
    offsets = np.arange(0, N + 1, length, dtype=np.int64)
    rows = np.arange(N, dtype=np.int64)
    none = np.empty((N, 0), dtype=np.float32)
    of_series = np.empty((n_series, 0))
    panel = build_panel(offsets, y, y, rows, none, none, of_series, of_series.astype(np.int64), device)
    observed = np.tile(np.arange(1, length + 1, dtype=np.int32), n_series)
    index = build_index(offsets, rows, observed, offsets[1:] - 1, 97, 48)
    return panel, index, torch.from_numpy(offsets[1:] - 1), y.nbytes


def spec_of(topology: str, context_length: int, horizon: int) -> WindowSpec:
    return WindowSpec(context_length, horizon, SEASON, "standard", "seasonal_naive", topology == "many_to_many")


def network_of(cell: str, topology: str, hidden_size: int, horizon: int, device: torch.device) -> Network:
    """One layer, quantile head, no covariates."""
    shape = NetworkShape(
        cell=cell,
        topology=topology,
        n_inputs=N_STEP_INPUTS,
        n_static=0,
        categories=(),
        n_future=0,
        horizon=horizon,
        hidden_size=hidden_size,
        n_layers=1,
        dropout=0.0,
        quantile_levels=LEVELS,
        head="quantiles",
    )
    return build_network(shape, 1).to(device)
