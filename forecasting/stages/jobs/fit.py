"""Fits as jobs: one per network, and one that puts the networks of a forecaster together and calibrates them.

A fit goes on where a kill stopped it; one that diverged leaves a result that says so.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

from pydantic import JsonValue

from forecasting.errors import DivergedError
from forecasting.evaluation.backtest import inner_score
from forecasting.forecasters.protocol import Task
from forecasting.forecasters.recurrent.calibration import Calibration
from forecasting.forecasters.recurrent.checkpoints import CheckpointFolder
from forecasting.forecasters.recurrent.ensemble import EnsembleForecaster
from forecasting.forecasters.recurrent.forecaster import RecurrentForecaster
from forecasting.forecasters.recurrent.forecaster import load as load_network
from forecasting.forecasters.recurrent.settings import RecurrentSettings
from forecasting.results import Aside, Job, Making, Result, write_json
from forecasting.schema import EnsembleOutcome, FitOutcome, MemberFit, Profile
from forecasting.series.arrays.as_of import as_of
from forecasting.series.arrays.dataset import Dataset
from forecasting.series.arrays.series_arrays import Origins
from forecasting.training.devices import resolve

FEW = 50_000  # forecasts of inner cutoffs: below it starting workers costs more than it saves


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How one forecaster is fitted: on rows up to `until`, with the cutoffs `inner` for early stopping and scores.

    With `whole_history` a fit with inner cutoffs is followed by one without, which is the one that is evaluated.
    """

    settings: RecurrentSettings
    task: Task
    until: Origins
    inner: Origins
    metric: str
    fallback: str
    seed: int
    whole_history: bool


@dataclass(frozen=True, kw_only=True)
class FitJob(Job[FitOutcome]):
    """Fit one network on rows up to `until`; without inner cutoffs for `max_steps`."""

    kind = "train"
    outcome = FitOutcome

    name: Aside[str]
    settings: RecurrentSettings
    task: Task
    dataset: Dataset
    until: Origins
    inner: Origins
    seed: int
    device: str

    @property
    def label(self) -> str:
        """The network by the name of its forecaster, and its number."""
        return self.name

    def make(self, making: Making) -> FitOutcome:
        """The state folder, and the course of the fit."""
        arrays = as_of(self.dataset.arrays(), self.until)
        forecaster = RecurrentForecaster(self.settings, self.task, self.seed, self.device)
        checkpoints = CheckpointFolder(making.kept, resolve(self.device))
        try:
            report = forecaster.fit(arrays, self.until, self.inner, making.progress, checkpoints=checkpoints)
        except DivergedError as error:
            return FitOutcome(failed=f"diverged: {error}", history=error.history)
        forecaster.save(making.folder / "state")
        return FitOutcome(
            best_step=report.best_step,
            best_loss=report.best_loss,
            fit_seconds=report.seconds,
            seed=self.seed,
            history=report.history,
            profiles=[Profile(**row) for row in report.profiles],
            resolved=as_json(asdict(forecaster.resolved or self.settings)),
            notes=as_json(report.notes),
        )


@dataclass(frozen=True, kw_only=True)
class AssembleJob(Job[EnsembleOutcome]):
    """Put the trained networks of one forecaster together, calibrated on the inner cutoffs or as an earlier fit was."""

    kind = "ensemble"
    outcome = EnsembleOutcome

    name: Aside[str]
    members: tuple[Result[FitOutcome], ...]
    settings: RecurrentSettings
    task: Task
    dataset: Dataset
    until: Origins
    inner: Origins
    calibration: dict[str, JsonValue] | None
    metric: str
    fallback: str
    device: str
    serving: dict[str, JsonValue]  # how a served copy reads the series
    apart: Aside[bool]  # where several have much to forecast

    @property
    def label(self) -> str:
        """The forecaster by name."""
        return self.name

    @property
    def here(self) -> bool:
        """Loading a few networks takes less than starting a process."""
        return not self.apart

    @property
    def n_lost(self) -> int:
        """How many members diverged."""
        return sum(member.outcome.failed is not None for member in self.members)

    def make(self, making: Making) -> EnsembleOutcome:
        """The state folder; a forecaster all of whose members diverged has failed."""
        fitted = [member for member in self.members if member.outcome.failed is None]
        if not fitted:
            first = self.members[0].outcome
            return EnsembleOutcome(failed=first.failed, history=first.history)
        networks = [load_network(member.folder / "state", self.device) for member in fitted]
        ensemble = EnsembleForecaster(self.settings, self.task, networks, self.device)
        score = None
        if len(self.inner):
            arrays = as_of(self.dataset.arrays(), self.until)
            if self.settings.calibrate:
                ensemble.calibrate(ensemble.forecast(arrays, self.inner, making.progress), arrays, self.inner)
            score = inner_score(ensemble, self.fallback, arrays, self.inner, self.metric)
        elif self.calibration is not None:
            ensemble.calibration = Calibration.from_dict(self.calibration)
        ensemble.save(making.folder / "state")
        write_json(making.folder / "state" / "serving.json", self.serving)
        return _together([member.outcome for member in fitted], ensemble, score, self.n_lost)


def _together(
    members: Sequence[FitOutcome], ensemble: EnsembleForecaster, score: float | None, n_lost: int
) -> EnsembleOutcome:
    """What the record shows: curves of the first member, sums and medians over all."""
    first = members[0]
    losses = [m.best_loss for m in members if m.best_loss is not None]
    counts = {"n_parameters": sum(int(str(m.notes["n_parameters"])) for m in members), "n_lost_members": n_lost}
    own = {key: getattr(first, key) for key in ("resolved", "seed", "history", "profiles")}
    return EnsembleOutcome(
        **own,
        best_step=int(median(m.best_step for m in members)),
        best_loss=median(losses) if losses else None,
        fit_seconds=sum(m.fit_seconds for m in members),
        notes=first.notes | as_json(ensemble.notes()) | counts,
        inner_score=score,
        calibration=as_json(ensemble.calibration.to_dict()) if ensemble.calibration else None,
        members=[
            MemberFit(resolved=m.resolved, seed=m.seed, best_step=m.best_step, best_loss=m.best_loss) for m in members
        ],
    )


def as_json(values: dict[str, Any]) -> dict[str, JsonValue]:
    """The same values as JSON reads them back: a fresh result then equals the one that is found again."""
    found: dict[str, JsonValue] = json.loads(json.dumps(values, default=str))
    return found
