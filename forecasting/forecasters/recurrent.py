"""Recurrent forecasters: arrays in, a network trained on their windows, quantile forecasts in the original unit out.

Axes: O origins, B of a batch, H horizon, Q quantile levels.
"""

import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from forecasting.errors import InputError
from forecasting.forecasters.defaults import resolve_settings
from forecasting.forecasters.encoding import Encoding, fit_encoding, last_rows, require_counts
from forecasting.forecasters.protocol import FitReport, Forecast, Progress, Task, failed_forecast
from forecasting.forecasters.recurrent_forecast import forecast_quantiles
from forecasting.forecasters.recurrent_settings import RecurrentSettings
from forecasting.forecasters.recurrent_state import State, read_state, write_state
from forecasting.forecasters.recurrent_windows import (
    TrainingStep,
    probe_of,
    shape_of,
    spec_of,
    training_index,
    training_limit,
)
from forecasting.forecasters.validation import Validation
from forecasting.models.network import Network, build_network
from forecasting.series.arrays import FloatArray, IntArray, Origins, SeriesArrays
from forecasting.training.devices import exact, resolve, seeded
from forecasting.training.loop import OnValidation, nothing, train
from forecasting.training.state import Checkpoints
from forecasting.windows.gather import gather
from forecasting.windows.panel import Panel
from forecasting.windows.spec import WindowSpec

__all__ = ["RecurrentForecaster", "RecurrentSettings", "load", "training_index"]

Mask = npt.NDArray[np.bool_]

# Every batch has this many rows, the last one padded, so that the bits of a row do not depend on what else is asked for.
_BATCH = {"cpu": 256, "cuda": 4096}


class RecurrentForecaster:
    """One network for all series. `settings` are the given ones; after `fit` or `load` `resolved` holds no nulls."""

    def __init__(self, settings: RecurrentSettings, task: Task, seed: int, device: str) -> None:
        self.name, self.settings, self.task, self.seed = settings.name, settings, task, seed
        self.device = resolve(device)
        self.resolved: RecurrentSettings | None = None
        self.encoding: Encoding | None = None
        self.network: Network | None = None
        self.fitted_on: dict[str, Any] = {}

    def fit(
        self,
        arrays: SeriesArrays,
        until: Origins,
        inner: Origins,
        on_progress: Progress,
        *,
        stop_after: int | None = None,
        on_validation: OnValidation = nothing,
        checkpoints: Checkpoints | None = None,
    ) -> FitReport:
        """Train on windows whose targets end by `until`, or by the oldest inner cutoff of a series that has any.

        With `stop_after` the same schedule ends at that step, without a look at `inner`. With `checkpoints` a fit that was
        killed goes on from the newest one. Raises InputError where no series is long enough for one window,
        DivergedError where training cannot go on.
        """
        began = time.perf_counter()
        resolved = resolve_settings(self.settings, self.task, arrays, until)
        index = training_index(resolved, self.task, arrays, until, inner)
        if not len(index):
            raise InputError(_too_short_for_all(resolved, self.task, arrays, until, inner))
        if resolved.head == "negative_binomial":
            require_counts(arrays, until)
        encoding = fit_encoding(arrays, until)
        shape = shape_of(resolved, self.task, encoding)
        limit = training_limit(arrays, until, inner)
        with exact(self.device, tf32=resolved.training.tf32), seeded(self.seed, self.device):
            panel = encoding.panel(arrays, self.device)
            network = build_network(shape, self.seed).to(self.device)
            step = TrainingStep(network, panel, index, arrays, limit, resolved, self.task, self.seed)
            known = inner.take(arrays.n_observed(inner) >= (resolved.min_history or 0))
            validation = Validation(network, panel, step.spec, self.task, arrays, known, last_rows(arrays, until))
            trained = train(
                network,
                step,
                resolved.training,
                validation if len(validation) else None,
                on_step=on_progress,
                on_validation=on_validation,
                stop_after=stop_after,
                probe=probe_of(network, step),
                checkpoints=checkpoints,
            )
        self.resolved, self.encoding, self.network = resolved, encoding, network
        self.fitted_on = _fitted_on(arrays, until, len(index))
        notes = {
            "n_parameters": sum(p.numel() for p in network.parameters()),
            "n_windows": len(index),
            "n_skipped_steps": trained.n_skipped,
            "n_steps": trained.n_steps,
            "resumed_from_step": trained.resumed_from,
            **trained.notes,
            **{k: v for k, v in asdict(resolved).items() if k != "training"},
            **asdict(resolved.training),
        }
        seconds = time.perf_counter() - began
        return FitReport(seconds, trained.best_step, trained.best_loss, trained.history, notes, trained.profiles)

    def forecast(self, arrays: SeriesArrays, origins: Origins, on_progress: Progress) -> Forecast:
        """Quantiles after each origin; origins with too little history, or without a finite output, fail with the reason."""
        resolved, encoding, network = self._fitted()
        forecast = failed_forecast(len(origins), self.task, "")
        seen, needed = arrays.n_observed(origins), resolved.min_history or 0
        for o in np.flatnonzero(seen < needed):
            forecast.failed[o] = f"too short: {seen[o]} observations, {self.name} needs {needed}"
        able = np.flatnonzero(seen >= needed)
        if not len(able):
            return forecast
        size = _BATCH[self.device.type]
        spec = spec_of(resolved, self.task)
        with exact(self.device), torch.no_grad():
            panel = encoding.panel(arrays, self.device)
            for begin in range(0, len(able), size):
                part = able[begin : begin + size]
                quantiles, usable = _forecast_batch(network, panel, origins.take(part), spec, size)
                self._fill(forecast, part, quantiles, usable)
                on_progress(begin + len(part), len(able), "")
        return forecast

    def save(self, folder: Path) -> None:
        """Write the complete state (see `recurrent_state`); ValueError before a fit."""
        resolved, encoding, network = self._fitted()
        write_state(State(resolved, self.task, self.seed, encoding, self.fitted_on, network.state_dict()), folder)

    def _fitted(self) -> tuple[RecurrentSettings, Encoding, Network]:
        if self.resolved is None or self.encoding is None or self.network is None:
            raise ValueError(f"{self.name} must be fitted or loaded before it can forecast or be saved")
        return self.resolved, self.encoding, self.network

    def _fill(self, forecast: Forecast, part: IntArray, quantiles: FloatArray, usable: Mask) -> None:
        """Put a batch of quantiles (B, H, Q) in its place."""
        if self.task.non_negative:
            quantiles = np.maximum(quantiles, 0.0)
        finite = np.asarray(np.isfinite(quantiles).all(axis=(1, 2)))
        for i, o in enumerate(part):
            if finite[i] and usable[i]:
                forecast.quantiles[o], forecast.failed[o] = quantiles[i], None
                forecast.y_hat[o] = quantiles[i][:, self.task.quantile_levels.index(0.5)]
            else:
                forecast.failed[o] = (
                    "no finite forecast" if usable[i] else "no y in the window that the network can use"
                )


def load(folder: Path, device: str = "cpu") -> RecurrentForecaster:
    """A saved forecaster, ready to forecast; InputError where `folder` holds none that this version can read."""
    state = read_state(folder, resolve(device))
    forecaster = RecurrentForecaster(state.settings, state.task, state.seed, device)
    network = build_network(shape_of(state.settings, state.task, state.encoding), state.seed)
    network.load_state_dict(state.weights)
    forecaster.network = network.to(forecaster.device).eval()
    forecaster.resolved, forecaster.encoding, forecaster.fitted_on = state.settings, state.encoding, state.fitted_on
    return forecaster


def _forecast_batch(
    network: Network, panel: Panel, origins: Origins, spec: WindowSpec, size: int
) -> tuple[FloatArray, Mask]:
    """Quantiles in the unit of y (B, H, Q) and whether the window held any y (B,); computed in a batch of `size` rows."""
    B = len(origins)
    place = np.minimum(np.arange(size), B - 1)
    series, row = (torch.from_numpy(x[place]).to(panel.device) for x in (origins.series, origins.row))
    windows = gather(panel, series, row, spec)
    y_BHQ = forecast_quantiles(network, windows)
    return y_BHQ[:B].cpu().numpy(), windows.usable[:B].cpu().numpy()


def _fitted_on(arrays: SeriesArrays, until: Origins, n_windows: int) -> dict[str, Any]:
    """Which data a fit has seen."""
    ends = arrays.ds.gather(until.row)
    return {
        "n_series": len(until),
        "n_observed": int(arrays.n_observed(until).sum()),
        "first_ds": str(arrays.ds.gather(arrays.offsets[until.series]).min()),
        "last_ds": str(ends.max()),
        "n_windows": n_windows,
    }


def _too_short_for_all(
    resolved: RecurrentSettings, task: Task, arrays: SeriesArrays, until: Origins, inner: Origins
) -> str:
    longest = int(arrays.n_observed(until).max(initial=0))
    held_back = (
        f", of which inner cutoffs hold some back for early stopping ({len(inner)} origins)" if len(inner) else ""
    )
    return (
        f"horizon must be shorter than the histories: {resolved.name} needs {resolved.min_history} observations and a horizon "
        f"of {task.horizon} steps, got at most {longest} observations{held_back}: set task.horizon or min_history lower"
        + (", or evaluate fewer windows" if len(inner) else "")
    )
