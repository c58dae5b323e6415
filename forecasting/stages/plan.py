"""What is asked, resolved from the config: task, places, seeds, device, processes. Every stage reads it, none changes it."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from forecasting.code import code_digest, library_versions
from forecasting.config import Config
from forecasting.forecasters.protocol import Task
from forecasting.processes import workers_of
from forecasting.results import Results
from forecasting.series.arrays.series_arrays import Reading
from forecasting.stages.paths import Paths
from forecasting.training.devices import resolve

_HOW = {"workspace", "workers", "chunk_mib", "tracking", "schedule", "monitoring"}  # where and when, never what
_EVALUATES = (
    "forecasting.stages.backtest"  # the stage whose code, with all that it calls, decides the evidence of a run
)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """One pipeline as its stages see it."""

    config: Config
    task: Task
    paths: Paths
    results: Results
    workers: int
    device: str
    looks_ahead: bool  # what is known in advance must reach beyond the data, or the last stage would fail

    @property
    def metric(self) -> str:
        """What is chosen and judged by."""
        return self.config.evaluation.primary_metric

    @property
    def fallback(self) -> str:
        """The baseline that serves what a forecaster cannot."""
        return self.config.prediction.fallback

    @property
    def step_size(self) -> int:
        """Steps between two evaluation cutoffs."""
        return self.config.evaluation.step_size or self.task.horizon

    def seed_of(self, name: str) -> int:
        """A seed of its own for each forecaster, the same on each machine."""
        digest = hashlib.sha256(f"{self.config.seed}/{name}".encode()).digest()
        return int.from_bytes(digest[:4], "big") % 2**31

    def run_id(self, data_digest: str) -> str:
        """16 hex digits over what a run computes: the config, the data, the code and the libraries."""
        values = [_recipe_of(self.config), data_digest, code_digest(_EVALUATES), library_versions()]
        return hashlib.sha256(json.dumps(values, sort_keys=True, default=str).encode()).hexdigest()[:16]


def plan_of(config: Config, *, looks_ahead: bool = True) -> Plan:
    """What `config` asks for; `looks_ahead` is false where nothing is forecast from the end of the data."""
    paths = Paths(config.workspace, config.name)
    workers = workers_of(config.workers)
    return Plan(
        config=config,
        task=task_of(config),
        paths=paths,
        results=Results(paths.results, workers),
        workers=workers,
        device=str(resolve(config.device)),
        looks_ahead=looks_ahead,
    )


def task_of(config: Config) -> Task:
    """What every forecaster of this pipeline is asked."""
    return Task(
        horizon=config.task.horizon,
        quantile_levels=tuple(config.task.quantile_levels),
        season_length=config.data.season_length,
        non_negative=config.data.quality.non_negative,
    )


def reading_of(config: Config, ds: pl.DataType) -> Reading:
    """How the series table is read; integer steps are aligned at each series' end unless the config says otherwise."""
    data = config.data
    return Reading(
        freq=str(data.freq),
        horizon=config.task.horizon,
        season_length=data.season_length,
        fill=data.quality.fill,
        align=config.evaluation.align or ("series_end" if ds.is_integer() else "calendar"),
        static=list(data.covariates.static),
        past=list(data.covariates.past),
        known_future=list(data.covariates.known_future),
        calendar=list(data.calendar),
        country=data.country,
        timezone=data.timezone,
        max_gap=data.quality.max_gap,
    )


def _recipe_of(config: Config) -> dict[str, Any]:
    """The part of a config that decides what a run computes; a file of cutoffs counts by its content."""
    recipe = config.model_dump(mode="json", exclude=_HOW)
    named = config.evaluation.cutoffs
    if isinstance(named, str) and Path(named).is_file():
        recipe["evaluation"]["cutoffs"] = hashlib.sha256(Path(named).read_bytes()).hexdigest()
    return recipe
