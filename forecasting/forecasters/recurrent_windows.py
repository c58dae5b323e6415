"""What lies between settings and training: which windows a network learns from, its sizes, and the loss of one batch.

Comes in: settings without nulls, arrays, cutoffs. Goes out: window index, window spec, network shape, and `TrainingStep`.
"""

import numpy as np
import torch
from torch import Tensor

from forecasting.errors import InputError
from forecasting.forecasters.encoding import Encoding, last_rows
from forecasting.forecasters.protocol import Task
from forecasting.forecasters.recurrent_settings import RecurrentSettings
from forecasting.models.network import Network, Taught
from forecasting.models.shape import NetworkShape
from forecasting.models.topologies import topology_of
from forecasting.series.arrays import IntArray, Origins, SeriesArrays
from forecasting.training.losses import default_loss, loss_of
from forecasting.windows.gather import gather, gather_targets
from forecasting.windows.index import WindowIndex, build_index
from forecasting.windows.panel import Panel
from forecasting.windows.sampler import WindowSampler
from forecasting.windows.scalers import PANEL, SCALERS
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
        spec: WindowSpec,
    ) -> None:
        self.network, self.panel, self.spec = network, panel, spec
        self.sampler = WindowSampler(index, settings.training.batch_size or 1, seed, panel.device)
        self.limit = torch.from_numpy(limit).to(panel.device)
        self.loss = loss_of(settings.loss or default_loss(settings.head)).value
        self.levels = torch.tensor(task.quantile_levels, device=panel.device)
        # A step that is an origin needs some steps behind it before it is asked; a quarter of the window is enough.
        self.burn_in = max(1, min((settings.min_history or 1) - 1, self.spec.context_length // 4))

    def __call__(self) -> Tensor:
        """The loss of the next batch."""
        return self._loss(*self.sampler.draw(), all_origins=self.spec.every_step)

    def _loss(self, series: Tensor, row: Tensor, *, all_origins: bool) -> Tensor:
        windows = gather(self.panel, series, row, self.spec, all_origins=all_origins)
        targets = gather_targets(self.panel, series, row, windows, self.limit[series], self.spec, self.burn_in)
        taught = None
        if self.network.shape.decoder == "autoregressive":
            taught = Taught(torch.stack([targets.z, targets.mask.float()], dim=-1), windows.spread)
        forecast = self.network.distribution(self.network(windows.inputs, taught), windows.spread)
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
        arrays.offsets,
        arrays.next_observed,
        arrays.observed_before,
        limit,
        resolved.min_history or 0,
        steps_at_once(resolved, task),
    )


def steps_at_once(resolved: RecurrentSettings, task: Task) -> int:
    """Steps that one pass of the network forecasts: the horizon, or one where steps are drawn and read again."""
    return 1 if resolved.way == "recursive" else task.horizon


def spec_of(resolved: RecurrentSettings, task: Task, encoding: Encoding) -> WindowSpec:
    """How the windows of this network are cut and scaled."""
    assert resolved.context_length
    assert resolved.scaling
    assert resolved.residual
    topology = topology_of(resolved.topology)
    return WindowSpec(
        resolved.context_length,
        steps_at_once(resolved, task),
        task.season_length,
        resolved.scaling,
        resolved.residual,
        topology.every_step,
        resolved.transform,
        _panel_scale(resolved, encoding),
        topology.needs_history,
    )


def _panel_scale(resolved: RecurrentSettings, encoding: Encoding) -> tuple[float, float]:
    """Level and spread of all series together; of counts the mean is the spread, and nothing is taken off."""
    if resolved.scaling != PANEL:
        return 0.0, 1.0
    mean, spread = encoding.target.mean[0], encoding.target.spread[0]
    return (0.0, mean or 1.0) if resolved.head == "negative_binomial" else (mean, spread)


def shape_of(resolved: RecurrentSettings, task: Task, encoding: Encoding) -> NetworkShape:
    """The sizes of this network; InputError where its steps cannot be drawn and read again."""
    n_past, n_future = len(encoding.names["past"]), len(encoding.names["known_future"])
    _require_drawable(resolved, task, encoding)
    return NetworkShape(
        cell=resolved.cell,
        topology=resolved.topology,
        n_inputs=N_STEP_INPUTS + n_past + n_future,
        n_static=len(encoding.names["static_numeric"]),
        categories=tuple(len(v) for v in encoding.vocabularies),
        n_future=n_future,
        horizon=steps_at_once(resolved, task),
        hidden_size=resolved.hidden_size or 1,
        n_layers=resolved.n_layers,
        dropout=resolved.dropout,
        quantile_levels=task.quantile_levels,
        head=resolved.head,
        context_length=resolved.context_length or 1,
        residual_layers=resolved.residual_layers,
        bidirectional=resolved.bidirectional,
        segment_length=resolved.encoding.length,
        static=resolved.static,
        decoder=resolved.decoder,
        sampling=resolved.scheduled_sampling,
        sampling_schedule=resolved.sampling_schedule,
        sampling_steps=resolved.training.max_steps or 1,
        learned_affine=resolved.scaling in SCALERS and SCALERS[resolved.scaling].learned_affine,
    )


def _require_drawable(resolved: RecurrentSettings, task: Task, encoding: Encoding) -> None:
    past = encoding.names["past"]
    if resolved.way == "recursive" and past:
        raise InputError(
            f"a step that was drawn has no past covariates to be read with, got {', '.join(past)} with strategy recursive: "
            f"set strategy of forecaster {resolved.name} to direct, or move them to data.covariates.known_future"
        )
    if resolved.way != "direct" and resolved.head == "quantiles" and len(task.quantile_levels) == 1:
        raise InputError(
            f"steps that are read again must be drawn, got the one quantile level {task.quantile_levels[0]:g}: set "
            f"task.quantile_levels to three or more, or head of forecaster {resolved.name} to normal or student_t"
        )
