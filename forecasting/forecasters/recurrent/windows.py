"""What lies between settings and training: which windows a network learns from, its sizes, and the loss of one batch.

Comes in: settings without nulls, arrays, cutoffs. Goes out: window index, window spec, network shape, and `TrainingStep`.
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from forecasting.errors import InputError
from forecasting.forecasters.protocol import Task
from forecasting.forecasters.recurrent.inputs import FittedInputs, last_rows
from forecasting.forecasters.recurrent.settings import RecurrentSettings
from forecasting.forecasters.recurrent.validation import naive_errors
from forecasting.models.cell import CellOptions
from forecasting.models.heads import head_of, heads_where
from forecasting.models.network import Network, Taught
from forecasting.models.recurrence import Recurrence
from forecasting.models.shape import NetworkShape
from forecasting.models.topologies import topology_of
from forecasting.series.arrays.series_arrays import FloatArray, IntArray, Origins, SeriesArrays
from forecasting.training.losses import Judged, default_loss, loss_of, mase
from forecasting.training.probe import Probe
from forecasting.windows.gather import gather, gather_targets
from forecasting.windows.index import WindowIndex, build_index
from forecasting.windows.panel import Panel
from forecasting.windows.sampler import WindowSampler
from forecasting.windows.scalers import PANEL, SCALERS
from forecasting.windows.spec import N_STEP_INPUTS, WindowSpec

_PROBE_WINDOWS = 32  # enough for a stable mean over windows, few enough to cost next to nothing


class TrainingStep:
    """The batches of a fit (see `training.batches`): windows drawn by the sampler, and the network's loss on them."""

    def __init__(
        self,
        network: Network,
        panel: Panel,
        index: WindowIndex,
        arrays: SeriesArrays,
        limit: IntArray,
        settings: RecurrentSettings,
        task: Task,
        seed: int,
        spec: WindowSpec,
    ) -> None:
        self.network, self.panel, self.spec = network, panel, spec
        self.index, self.seed = index, seed
        self.why_eager = (
            None if panel.is_resident else "the panel does not fit on the device, batches are read from the host"
        )
        if settings.scheduled_sampling:
            self.why_eager = "a coin decides at every step what the decoder reads"
        self.sampler = WindowSampler(index, settings.training.batch_size or 1, seed, panel.device)
        self.limit = torch.from_numpy(limit).to(panel.device)
        self.judge = loss_of(settings.loss or default_loss(settings.head)).value
        self.levels = task.quantile_levels
        # Only the mase loss reads it, and finding it takes a pass over all histories.
        errors = np.ones(len(limit)) if self.judge is not mase else _errors_until(arrays, limit, task.season_length)
        self.naive_error = torch.from_numpy(errors).to(panel.device)
        encoder = encoder_of(network)
        if encoder is not None:
            encoder.bptt_length = settings.training.bptt_length
        # A step that is an origin needs some steps behind it before it is asked; a quarter of the window is enough.
        self.burn_in = max(1, min((settings.min_history or 1) - 1, self.spec.context_length // 4))

    @property
    def batch_size(self) -> int:
        """Windows per batch."""
        return self.sampler.batch_size

    @batch_size.setter
    def batch_size(self, size: int) -> None:
        self.sampler.batch_size = size

    @property
    def generator(self) -> torch.Generator:
        """Where the stream of windows stands."""
        return self.sampler.generator

    def draw(self) -> tuple[Tensor, Tensor]:
        """Series and origin rows of the next batch."""
        return self.sampler.draw()

    def loss(self, batch: tuple[Tensor, ...]) -> Tensor:
        """The loss over every origin of the windows of a batch."""
        return self._loss(*batch, all_origins=self.spec.every_step)

    def probe_loss(self, n_windows: int) -> Callable[[], Tensor]:
        """The loss of the last origins alone of some windows, always the same ones."""
        series, row = WindowSampler(self.index, n_windows, self.seed + 1, self.panel.device).draw()
        return lambda: self._loss(series, row, all_origins=False)

    def _loss(self, series: Tensor, row: Tensor, *, all_origins: bool) -> Tensor:
        windows = gather(self.panel, series, row, self.spec, all_origins=all_origins)
        targets = gather_targets(
            self.panel,
            series,
            origin_B=row,
            windows=windows,
            limit_B=self.limit[series],
            spec=self.spec,
            burn_in=self.burn_in,
        )
        taught = None
        if self.network.shape.decoder == "autoregressive":
            taught = Taught(torch.stack([targets.z, targets.mask.float()], dim=-1), windows.spread)
        forecast = self.network.distribution(self.network(windows.inputs, taught), windows.spread)
        naive_error = self.naive_error[series].reshape(-1, *[1] * (targets.z.dim() - 1))
        return self.judge(
            Judged(
                forecast=forecast,
                target=targets.z,
                mask=targets.mask,
                levels=self.levels,
                unscale=windows.unscale,
                naive_error=naive_error,
            )
        )


def probe_of(network: Network, step: TrainingStep) -> Probe | None:
    """The probe of what reads the context; None for a network that has no memory of it."""
    encoder = encoder_of(network)
    if encoder is None:
        return None
    return Probe(network, encoder.forward_layers, step.probe_loss(_PROBE_WINDOWS), network.shape.segment_length or 1)


def encoder_of(network: Network) -> Recurrence | None:
    """What reads the context step by step, under this name in every topology that does so."""
    encoder = getattr(network.topology, "encoder", None)
    return encoder if isinstance(encoder, Recurrence) else None


def _errors_until(arrays: SeriesArrays, limit: IntArray, season_length: int) -> FloatArray:
    """The seasonal naive error of each series up to its row `limit`, NaN where that is -1; (S,)."""
    errors, known = np.full(len(limit), np.nan), np.flatnonzero(limit >= 0)
    errors[known] = naive_errors(arrays, Origins(known, limit[known], np.zeros_like(known)), season_length)
    return errors


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
        observed_before=arrays.observed_before,
        known_until=limit,
        min_history=resolved.min_history or 0,
        horizon=steps_at_once(resolved, task),
    )


def steps_at_once(resolved: RecurrentSettings, task: Task) -> int:
    """Steps that one pass of the network forecasts: the horizon, or one where steps are drawn and read again."""
    return 1 if resolved.way == "recursive" else task.horizon


def spec_of(resolved: RecurrentSettings, task: Task, inputs: FittedInputs) -> WindowSpec:
    """How the windows of this network are cut and scaled."""
    assert resolved.context_length
    assert resolved.scaling
    assert resolved.residual
    topology = topology_of(resolved.topology)
    return WindowSpec(
        context_length=resolved.context_length,
        horizon=steps_at_once(resolved, task),
        season_length=task.season_length,
        scaling=resolved.scaling,
        residual=resolved.residual,
        every_step=topology.every_step,
        transform=resolved.transform or "none",
        panel=_panel_scale(resolved, inputs),
        needs_history=topology.needs_history,
    )


def _panel_scale(resolved: RecurrentSettings, inputs: FittedInputs) -> tuple[float, float]:
    """Level and spread of all series together; of counts the mean is the spread, and nothing is taken off."""
    if resolved.scaling != PANEL:
        return 0.0, 1.0
    mean, spread = inputs.target.mean[0], inputs.target.spread[0]
    return (0.0, mean or 1.0) if head_of(resolved.head).of_counts else (mean, spread)


def shape_of(resolved: RecurrentSettings, task: Task, inputs: FittedInputs) -> NetworkShape:
    """The sizes of this network; InputError where its steps cannot be drawn and read again."""
    n_past, n_future = len(inputs.names["past"]), len(inputs.names["known_future"])
    require_drawable(resolved, task, inputs.names["past"])
    return NetworkShape(
        cell=resolved.cell,
        topology=resolved.topology,
        n_inputs=N_STEP_INPUTS + n_past + n_future,
        n_static=len(inputs.names["static_numeric"]),
        categories=tuple(len(v) for v in inputs.vocabularies),
        n_future=n_future,
        horizon=steps_at_once(resolved, task),
        hidden_size=resolved.hidden_size or 1,
        n_layers=resolved.n_layers,
        dropout=resolved.dropout,
        quantile_levels=task.quantile_levels,
        head=resolved.head,
        cell_options=CellOptions(resolved.forget_gate, resolved.recurrent_blocks),
        context_length=resolved.context_length or 1,
        residual_layers=resolved.residual_layers,
        bidirectional=resolved.bidirectional,
        segment_length=resolved.encoding.length,
        static=resolved.static,
        decoder=resolved.decoder,
        sampling=resolved.scheduled_sampling,
        sampling_schedule=resolved.sampling_schedule,
        sampling_steps=resolved.training.max_steps or 1,
        learned_affine=SCALERS[resolved.scaling or "none"].learned_affine,
    )


def require_drawable(resolved: RecurrentSettings, task: Task, past: Sequence[str]) -> None:
    """InputError where steps cannot be drawn and read again: with `past` covariates, or a head without spread."""
    if resolved.way == "recursive" and past:
        raise InputError(
            f"a step that was drawn has no past covariates to be read with, got {', '.join(past)} with strategy recursive: "
            f"set strategy of forecaster {resolved.name} to direct, or move them to data.covariates.known_future"
        )
    if resolved.way != "direct" and resolved.head == "quantiles" and len(task.quantile_levels) == 1:
        raise InputError(
            f"steps that are read again must be drawn, got the one quantile level {task.quantile_levels[0]:g}: set "
            f"task.quantile_levels to three or more, or head of forecaster {resolved.name} to "
            + heads_where(lambda head: head.has_density and not head.of_counts)
        )
