"""Recurrent forecasters: arrays in, a network trained on their windows, quantile forecasts in the original unit out.

Axes: O origins, B of a batch, H horizon, Q quantile levels.
"""

import time
from collections.abc import Iterator
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import torch

from forecasting.errors import InputError
from forecasting.forecasters.protocol import FitReport, Forecast, Task, failed_forecast
from forecasting.forecasters.recurrent.defaults import resolve_settings
from forecasting.forecasters.recurrent.forecast import Forecasting
from forecasting.forecasters.recurrent.inputs import FittedInputs, fit_inputs, last_rows, names_of, require_counts
from forecasting.forecasters.recurrent.settings import RecurrentSettings
from forecasting.forecasters.recurrent.state import State, read_state, write_state
from forecasting.forecasters.recurrent.validation import Validation
from forecasting.forecasters.recurrent.windows import (
    TrainingStep,
    probe_of,
    require_drawable,
    shape_of,
    spec_of,
    training_index,
    training_limit,
)
from forecasting.models.heads import head_of, heads_where
from forecasting.models.network import Network, build_network
from forecasting.models.random import Draws
from forecasting.processes import Progress
from forecasting.series.arrays.series_arrays import FloatArray, IntArray, Origins, SeriesArrays
from forecasting.training.devices import exact, resolve, seeded
from forecasting.training.loop import OnValidation, nothing, train
from forecasting.training.state import Checkpoints, Trained
from forecasting.windows.panel import Panel
from forecasting.windows.spec import WindowSpec

__all__ = ["RecurrentForecaster", "RecurrentSettings", "load", "training_index"]

Mask = npt.NDArray[np.bool_]

_BATCH = {"cpu": 256, "cuda": 4096}
_PATH_BATCH = {"cpu": 64, "cuda": 512}  # each of these rows has as many paths


def _course(trained: Trained, resolved: RecurrentSettings) -> dict[str, Any]:
    """What a reader should know of a training: its steps, and the settings with nothing left to adapt."""
    return {
        "n_skipped_steps": trained.n_skipped,
        "n_steps": trained.n_steps,
        "resumed_from_step": trained.resumed_from,
        **trained.notes,
        **{k: v for k, v in asdict(resolved).items() if k != "training"},
        **asdict(resolved.training),
    }


def require_fittable(resolved: RecurrentSettings, task: Task, arrays: SeriesArrays, until: Origins) -> None:
    """InputError for what these settings cannot do with these data, known before anything is fitted."""
    if head_of(resolved.head).of_counts:
        require_counts(arrays, until, resolved.head)
    require_drawable(resolved, task, names_of(arrays)["past"])


class RecurrentForecaster:
    """One network for all series. `settings` are the given ones; after `fit` or `load` `resolved` holds no nulls."""

    def __init__(self, settings: RecurrentSettings, task: Task, seed: int, device: str) -> None:
        self.name, self.settings, self.task, self.seed = settings.name, settings, task, seed
        self.device = resolve(device)
        self.resolved: RecurrentSettings | None = None
        self.inputs: FittedInputs | None = None
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
        require_fittable(resolved, self.task, arrays, until)
        inputs = fit_inputs(arrays, until, resolved.transform or "none")
        shape = shape_of(resolved, self.task, inputs)
        limit = training_limit(arrays, until, inner)
        with exact(self.device, tf32=resolved.training.tf32), seeded(self.seed, self.device):
            panel = inputs.panel(arrays, self.device)
            network = build_network(shape, self.seed).to(self.device)
            spec = spec_of(resolved, self.task, inputs)
            step = TrainingStep(
                network=network,
                panel=panel,
                index=index,
                arrays=arrays,
                limit=limit,
                settings=resolved,
                task=self.task,
                seed=self.seed,
                spec=spec,
            )
            validation = Validation(
                forecasting=self._forecasting(resolved, network, panel, spec),
                task=self.task,
                arrays=arrays,
                inner=inner.take(arrays.n_observed(inner) >= (resolved.min_history or 0)),
                limit=last_rows(arrays, until),
                n_paths=resolved.n_paths,
            )
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
        self.resolved, self.inputs, self.network = resolved, inputs, network
        self.fitted_on = _fitted_on(arrays, until, len(index))
        notes = {"n_parameters": sum(p.numel() for p in network.parameters()), "n_windows": len(index)}
        return FitReport(
            seconds=time.perf_counter() - began,
            best_step=trained.best_step,
            best_loss=trained.best_loss,
            history=trained.history,
            notes=notes | _course(trained, resolved),
            profiles=trained.profiles,
        )

    def forecast(self, arrays: SeriesArrays, origins: Origins, on_progress: Progress) -> Forecast:
        """Quantiles after each origin; origins with too little history, or without a finite output, fail with the reason."""
        resolved = self._fitted()[0]
        forecast = failed_forecast(len(origins), self.task, "")
        seen, needed = arrays.n_observed(origins), resolved.min_history or 0
        for o in np.flatnonzero(seen < needed):
            forecast.failed[o] = f"too short: {seen[o]} observations, {self.name} needs {needed}"
        able = np.flatnonzero(seen >= needed)
        if not len(able):
            return forecast
        draws = resolved.way != "direct"
        for part, (quantiles, usable) in self._batches(
            arrays, origins.take(able), resolved.n_paths, draws, on_progress
        ):
            self._fill(forecast, able[part], quantiles, usable)
        return forecast

    def sample_paths(
        self, arrays: SeriesArrays, origins: Origins, n_paths: int, on_progress: Progress
    ) -> tuple[FloatArray, Mask]:
        """Sample paths after each origin in the unit of y, (O, H, N), and which origins can be forecast (O,).

        A path is drawn step by step where the network reads its own steps; else its steps are drawn each by itself. InputError
        for a head that cannot be drawn from.
        """
        resolved = self._fitted()[0]
        if resolved.way == "direct" and not head_of(resolved.head).has_density:
            raise InputError(
                f"paths need steps that can be drawn, got head {resolved.head!r} with strategy direct in {self.name}: set head "
                f"to {heads_where(lambda head: head.has_density)}, strategy to recursive, or decoder to autoregressive"
            )
        paths = np.full((len(origins), self.task.horizon, n_paths), np.nan)
        usable = arrays.n_observed(origins) >= (resolved.min_history or 0)
        able = np.flatnonzero(usable)
        if len(able):
            for part, (drawn, can) in self._batches(arrays, origins.take(able), n_paths, True, on_progress, paths=True):
                paths[able[part]], usable[able[part]] = drawn, can & np.isfinite(drawn).all(axis=(1, 2))
        return (np.maximum(paths, 0.0) if self.task.non_negative else paths), usable

    def save(self, folder: Path) -> None:
        """Write the complete state (see `state`); ValueError before a fit."""
        resolved, inputs, network = self._fitted()
        write_state(
            State(
                settings=resolved,
                task=self.task,
                seed=self.seed,
                inputs=inputs,
                fitted_on=self.fitted_on,
                weights=network.state_dict(),
            ),
            folder,
        )

    def _fitted(self) -> tuple[RecurrentSettings, FittedInputs, Network]:
        if self.resolved is None or self.inputs is None or self.network is None:
            raise ValueError(f"{self.name} must be fitted or loaded before it can forecast or be saved")
        return self.resolved, self.inputs, self.network

    def _forecasting(
        self, resolved: RecurrentSettings, network: Network, panel: Panel, spec: WindowSpec
    ) -> Forecasting:
        return Forecasting(
            network=network,
            panel=panel,
            spec=spec,
            kind=resolved.way,
            horizon=self.task.horizon,
            levels=self.task.quantile_levels,
        )

    def _batches(
        self,
        arrays: SeriesArrays,
        origins: Origins,
        n_paths: int,
        draws: bool,
        on_progress: Progress,
        *,
        paths: bool = False,
    ) -> Iterator[tuple[slice, tuple[FloatArray, Mask]]]:
        """Positions in `origins`, and what was forecast there with whether it can be used: quantiles, or paths.

        Every batch has as many rows, the last one padded, so that the bits of a row do not depend on what else is asked for.
        """
        resolved, inputs, network = self._fitted()
        size = (_PATH_BATCH if draws else _BATCH)[self.device.type]
        keys = path_keys(self.seed, arrays, origins) if draws else np.zeros(len(origins), dtype=np.int64)
        with exact(self.device), torch.no_grad():
            panel = inputs.panel(arrays, self.device)
            forecasting = self._forecasting(resolved, network, panel, spec_of(resolved, self.task, inputs))
            for begin in range(0, len(origins), size):
                part = slice(begin, min(begin + size, len(origins)))
                place = np.minimum(np.arange(begin, begin + size), len(origins) - 1)
                series, row, key = (
                    torch.from_numpy(x[place]).to(self.device) for x in (origins.series, origins.row, keys)
                )
                ask = forecasting.paths if paths else forecasting.quantiles
                values, usable = ask(series, row, Draws(key, n_paths if draws else 1))
                B = part.stop - begin
                yield part, (values[:B].cpu().numpy(), usable[:B].cpu().numpy())
                on_progress(part.stop, len(origins), "")

    def _fill(self, forecast: Forecast, part: IntArray, quantiles: FloatArray, usable: Mask) -> None:
        """Put a batch of quantiles (B, H, Q) in its place."""
        if self.task.non_negative:
            quantiles = np.maximum(quantiles, 0.0)
        good = np.isfinite(quantiles).all(axis=(1, 2)) & usable
        forecast.quantiles[part[good]], forecast.failed[part[good]] = quantiles[good], None
        forecast.y_hat[part[good]] = quantiles[good][..., self.task.quantile_levels.index(0.5)]
        forecast.failed[part[~good & usable]] = "no finite forecast"
        forecast.failed[part[~usable]] = "no y in the window that the network can use"


def load(folder: Path, device: str = "cpu") -> RecurrentForecaster:
    """A saved forecaster, ready to forecast; InputError where `folder` holds none that this version can read."""
    state = read_state(folder, resolve(device))
    forecaster = RecurrentForecaster(state.settings, state.task, state.seed, device)
    network = build_network(shape_of(state.settings, state.task, state.inputs), state.seed)
    network.load_state_dict(state.weights)
    forecaster.network = network.to(forecaster.device).eval()
    forecaster.resolved, forecaster.inputs, forecaster.fitted_on = state.settings, state.inputs, state.fitted_on
    return forecaster


def path_keys(seed: int, arrays: SeriesArrays, origins: Origins) -> IntArray:
    """What the paths of an origin depend on besides its forecast: the seed, the series' id and the cutoff; (O,)."""
    stamps = arrays.ds.gather(origins.row).cast(pl.String).to_list()
    texts = (f"{seed}/{arrays.ids[s]}/{stamp}" for s, stamp in zip(origins.series, stamps, strict=True))
    return np.array([int.from_bytes(sha256(text.encode()).digest()[:8], "big", signed=True) for text in texts])


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
