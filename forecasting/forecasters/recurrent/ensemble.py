"""Ensembles: networks of several seeds and context lengths whose forecasts are combined by the median, then calibrated.

Comes in: the settings of one forecaster of the config. Goes out: a forecaster of its members, which may be fitted one
after the other here, or apart, in parallel processes, and put together. One member is an ensemble too.
"""

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from forecasting.errors import DivergedError
from forecasting.forecasters.protocol import FitReport, Forecast, Task, failed_forecast, write_state_file
from forecasting.forecasters.recurrent.calibration import Calibration, fit_calibration
from forecasting.forecasters.recurrent.forecaster import Mask, RecurrentForecaster
from forecasting.forecasters.recurrent.forecaster import load as load_network
from forecasting.forecasters.recurrent.settings import RecurrentSettings, in_steps, settings_from_dict
from forecasting.processes import Progress
from forecasting.series.arrays.series_arrays import FloatArray, Origins, SeriesArrays

FORMAT = 1
_SEED_STEP = 7919  # a prime, so that members of forecasters whose seeds lie close do not share one


class Member(NamedTuple):
    """Settings of one network of an ensemble, and its seed."""

    settings: RecurrentSettings
    seed: int


def members_of(settings: RecurrentSettings, seed: int) -> list[Member]:
    """One member per context length and seed; the first has the seed of the forecaster."""
    lengths: Sequence[int | None] = settings.context_lengths or [settings.context_length]
    each = [replace(settings, context_length=length, context_lengths=[], n_seeds=1) for length in lengths]
    return [Member(s, seed + i * _SEED_STEP) for i in range(settings.n_seeds) for s in each]


class EnsembleForecaster:
    """The median of its members' quantiles, level by level; `calibration` moves them afterwards, None leaves them."""

    def __init__(
        self, settings: RecurrentSettings, task: Task, members: Sequence[RecurrentForecaster], device: str = "cpu"
    ) -> None:
        self.name, self.settings, self.task, self.device = settings.name, settings, task, device
        self.members = list(members)
        self.calibration: Calibration | None = None
        self._best_steps: list[int] = []

    @classmethod
    def untrained(cls, settings: RecurrentSettings, task: Task, seed: int, device: str) -> "EnsembleForecaster":
        """An ensemble whose members are still to be fitted."""
        members = [RecurrentForecaster(m.settings, task, m.seed, device) for m in members_of(settings, seed)]
        return cls(settings, task, members, device)

    def fit(self, arrays: SeriesArrays, until: Origins, inner: Origins, on_progress: Progress) -> FitReport:
        """Fit the members one after the other, then calibrate; members that diverge are left out, all: DivergedError."""
        reports, fitted, lost = [], [], None
        for number, member in enumerate(self.members):

            def tell(done: int, total: int, text: str, number: int = number) -> None:
                on_progress(number * total + done, len(self.members) * total, text)

            try:
                reports.append(member.fit(arrays, until, inner, tell))
                fitted.append(member)
            except DivergedError as error:
                lost = error
        if not fitted and lost is not None:
            raise lost
        self.members, self._best_steps = fitted, [report.best_step for report in reports]
        if self.settings.calibrate and len(inner):
            self.calibrate(self.forecast(arrays, inner, on_progress), arrays, inner)
        first = reports[0]
        return replace(first, seconds=sum(r.seconds for r in reports), notes=first.notes | self.notes())

    def fit_again(self, arrays: SeriesArrays, until: Origins, on_progress: Progress) -> None:
        """After `fit`: the same members once more, for as many steps as were best, with no row held back.

        The calibration stays: it cannot be learnt from what a network was trained on.
        """
        fresh = []
        for member, best_step in zip(self.members, self._best_steps, strict=True):
            settings = in_steps(member.resolved or member.settings, best_step)
            fresh.append(RecurrentForecaster(settings, self.task, member.seed, self.device))
            fresh[-1].fit(arrays, until, until.take(slice(0)), on_progress)
        self.members = fresh

    def calibrate(self, forecast: Forecast, arrays: SeriesArrays, inner: Origins) -> None:
        """Learn the calibration from an uncalibrated forecast of the inner cutoffs."""
        self.calibration = fit_calibration(forecast, arrays, inner, self.task)

    def forecast(self, arrays: SeriesArrays, origins: Origins, on_progress: Progress) -> Forecast:
        """The members' median of every origin that a member can serve; else the first member's reason."""
        forecasts = []
        for number, member in enumerate(self.members):

            def tell(done: int, total: int, text: str, number: int = number) -> None:
                on_progress(number * total + done, len(self.members) * total, text)

            forecasts.append(member.forecast(arrays, origins, tell))
        combined = _median(forecasts, self.task, len(origins))
        if self.calibration is None:
            return combined
        return self.calibration.apply(combined, arrays, origins, self.task)

    def sample_paths(
        self, arrays: SeriesArrays, origins: Origins, n_paths: int, on_progress: Progress
    ) -> tuple[FloatArray, Mask]:
        """Paths of all members side by side (O, H, N), and which origins every member can forecast (O,); not calibrated.

        InputError where a member's head cannot be drawn from.
        """
        each = -(-n_paths // len(self.members))
        drawn = [member.sample_paths(arrays, origins, each, on_progress) for member in self.members]
        usable = np.logical_and.reduce([able for _, able in drawn])
        return np.concatenate([paths for paths, _ in drawn], axis=2)[..., :n_paths], usable

    def notes(self) -> dict[str, Any]:
        """What the record should say of the ensemble."""
        return {
            "n_members": len(self.members),
            "n_seeds": self.settings.n_seeds,
            "calibration_residuals": self.calibration.n if self.calibration else 0,
        }

    def save(self, folder: Path) -> None:
        """members/0, members/1, ..; then forecaster.json, which says that all of it is there."""
        for number, member in enumerate(self.members):
            member.save(folder / "members" / str(number))
        state = {
            "format": FORMAT,
            "kind": "ensemble",
            "name": self.name,
            "task": asdict(self.task),
            "settings": asdict(self.settings),
            "n_members": len(self.members),
            "fitted_on": self.members[0].fitted_on,
            "calibration": self.calibration.to_dict() if self.calibration else None,
        }
        write_state_file(folder, state)


def load(folder: Path, state: dict[str, Any], device: str = "cpu") -> EnsembleForecaster:
    """A saved ensemble, ready to forecast; `state` is its forecaster.json."""
    members = [load_network(folder / "members" / str(i), device) for i in range(state["n_members"])]
    ensemble = EnsembleForecaster(settings_from_dict(state["settings"]), members[0].task, members, device)
    if state["calibration"] is not None:
        ensemble.calibration = Calibration.from_dict(state["calibration"])
    return ensemble


def _median(forecasts: Sequence[Forecast], task: Task, n_origins: int) -> Forecast:
    """Median over the members that serve an origin; the mean of the two middle ones where their number is even."""
    if len(forecasts) == 1:
        return forecasts[0]
    combined = failed_forecast(n_origins, task, "")
    served = np.array([[reason is None for reason in f.failed] for f in forecasts])  # (members, O)
    able = np.flatnonzero(served.any(axis=0))
    for o in np.flatnonzero(~served.any(axis=0)):
        combined.failed[o] = forecasts[0].failed[o]
    quantiles = np.stack([f.quantiles[able] for f in forecasts])
    combined.quantiles[able] = np.nanmedian(np.where(served[:, able, None, None], quantiles, np.nan), axis=0)
    points = np.stack([f.y_hat[able] for f in forecasts])
    combined.y_hat[able] = np.nanmedian(np.where(served[:, able, None], points, np.nan), axis=0)
    combined.failed[able] = None
    return combined
