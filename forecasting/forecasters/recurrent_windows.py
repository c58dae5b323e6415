"""What lies between settings and training: which windows a network learns from, its sizes, and the loss of one batch.

Comes in: settings without nulls, arrays, cutoffs. Goes out: window index, window spec, network shape, and `TrainingStep`.
"""

import numpy as np
import torch
from torch import Tensor

from forecasting.forecasters.encoding import Encoding, last_rows
from forecasting.forecasters.protocol import Task
from forecasting.forecasters.recurrent_settings import RecurrentSettings
from forecasting.models.network import Network
from forecasting.models.shape import NetworkShape
from forecasting.models.topologies import topology_of
from forecasting.series.arrays import IntArray, Origins, SeriesArrays
from forecasting.training.losses import default_loss, loss_of
from forecasting.windows.gather import gather, gather_targets
from forecasting.windows.index import WindowIndex, build_index
from forecasting.windows.panel import Panel
from forecasting.windows.sampler import WindowSampler
from forecasting.windows.scalers import SCALERS
from forecasting.windows.spec import N_STEP_INPUTS, WindowSpec


class TrainingStep:
    """Calling it draws a batch of windows and gives the network's loss on it."""

    def __init__(
        self,
        network: Network,
        panel: Panel,
        index: WindowIndex,
        limit: IntArray,
        settings: RecurrentSettings,
        task: Task,
        seed: int,
    ) -> None:
        self.network, self.panel, self.spec = network, panel, spec_of(settings, task)
        self.sampler = WindowSampler(index, settings.training.batch_size or 1, seed, panel.device)
        self.limit = torch.from_numpy(limit).to(panel.device)
        self.loss = loss_of(settings.loss or default_loss(settings.head)).value
        self.levels = torch.tensor(task.quantile_levels, device=panel.device)
        # A step that is an origin needs some steps behind it before it is asked; a quarter of the window is enough.
        self.burn_in = max(1, min((settings.min_history or 1) - 1, self.spec.context_length // 4))

    def __call__(self) -> Tensor:
        """The loss of the next batch."""
        series, row = self.sampler.draw()
        windows = gather(self.panel, series, row, self.spec, all_origins=self.spec.every_step)
        targets = gather_targets(self.panel, series, row, windows, self.limit[series], self.spec, self.burn_in)
        forecast = self.network.distribution(self.network(windows.inputs), windows.spread)
        return self.loss(forecast, targets.z, targets.mask, self.levels)


def training_limit(arrays: SeriesArrays, until: Origins, inner: Origins) -> IntArray:
    """The last row in which a training target may lie, -1 for series left out: `until`, or the oldest inner cutoff; (S,)."""
    limit = last_rows(arrays, until)
    np.minimum.at(limit, inner.series, inner.row)
    return limit


def training_index(
    resolved: RecurrentSettings, task: Task, arrays: SeriesArrays, until: Origins, inner: Origins
) -> WindowIndex:
    """The training windows of each series; `resolved` has no nulls."""
    limit = training_limit(arrays, until, inner)
    return build_index(
        arrays.offsets, arrays.next_observed, arrays.observed_before, limit, resolved.min_history or 1, task.horizon
    )


def spec_of(resolved: RecurrentSettings, task: Task) -> WindowSpec:
    """How the windows of this network are cut."""
    assert resolved.context_length
    assert resolved.scaling
    assert resolved.residual
    every_step = topology_of(resolved.topology).every_step
    return WindowSpec(
        resolved.context_length,
        task.horizon,
        task.season_length,
        resolved.scaling,
        resolved.residual,
        every_step,
        resolved.transform,
    )


def shape_of(resolved: RecurrentSettings, task: Task, encoding: Encoding) -> NetworkShape:
    """The sizes of this network."""
    n_past, n_future = len(encoding.names["past"]), len(encoding.names["known_future"])
    return NetworkShape(
        resolved.cell,
        resolved.topology,
        N_STEP_INPUTS + n_past + n_future,
        len(encoding.names["static_numeric"]),
        tuple(len(v) for v in encoding.vocabularies),
        n_future,
        task.horizon,
        resolved.hidden_size or 1,
        resolved.n_layers,
        resolved.dropout,
        task.quantile_levels,
        resolved.head,
        learned_affine=SCALERS[resolved.scaling or "none"].learned_affine,
    )
