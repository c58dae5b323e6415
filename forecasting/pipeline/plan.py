"""From a config to the values that stages pass down: task, reading, seeds, and the keys that say what a result depends on."""

import hashlib
from dataclasses import asdict
from pathlib import Path
from typing import Any

import polars as pl

from forecasting.config import Config
from forecasting.forecasters.protocol import Task
from forecasting.series.cutoffs import EvaluationSettings
from forecasting.series.dataset import Reading

_HOW = {"workspace", "workers", "chunk_mib", "tracking", "schedule", "monitoring"}  # where and when, never what


def task_of(config: Config) -> Task:
    """What every forecaster of this pipeline is asked."""
    return Task(
        config.task.horizon,
        tuple(config.task.quantile_levels),
        config.data.season_length,
        config.data.quality.non_negative,
    )


def reading_of(config: Config, ds: pl.DataType) -> Reading:
    """How the series table is read; integer steps are aligned at each series' end unless the config says otherwise."""
    data = config.data
    align = config.evaluation.align or ("series_end" if ds.is_integer() else "calendar")
    return Reading(
        str(data.freq),
        config.task.horizon,
        data.season_length,
        data.quality.fill,
        align,
        list(data.covariates.static),
        list(data.covariates.past),
        list(data.covariates.known_future),
        list(data.calendar),
        data.country,
        data.timezone,
        data.quality.max_gap,
    )


def seed_of(config: Config, name: str) -> int:
    """A seed of its own for each forecaster, the same on each machine."""
    digest = hashlib.sha256(f"{config.seed}/{name}".encode()).digest()
    return int.from_bytes(digest[:4], "big") % 2**31


def data_inputs(digest: str, reading: Reading, config: Config) -> dict[str, Any]:
    """What every result depends on: the data by content, how it is read, the task, the cutoffs, the device."""
    evaluation = config.evaluation
    return {
        "data": digest,
        "reading": reading.to_dict(),
        "task": asdict(task_of(config)),
        "cutoffs": _cutoffs(evaluation, config.task.horizon),
        "inner_windows": config.tuning.inner_windows,
        "metric": evaluation.primary_metric,
        "fallback": config.prediction.fallback,
        "device": config.device,
    }


def _cutoffs(evaluation: EvaluationSettings, horizon: int) -> dict[str, Any]:
    """What decides the evaluation cutoffs, a file of them by its content."""
    named = evaluation.cutoffs
    if isinstance(named, str):
        named = hashlib.sha256(Path(named).read_bytes()).hexdigest() if Path(named).is_file() else named
    return {
        "n_windows": evaluation.n_windows,
        "step_size": evaluation.step_size or horizon,
        "cutoffs": named if named is None or isinstance(named, str) else [str(cutoff) for cutoff in named],
        "train_until": None if evaluation.train_until is None else str(evaluation.train_until),
    }


def recipe_of(config: Config) -> dict[str, Any]:
    """The part of a config that decides what a run computes; where it is written and by how many workers does not."""
    return config.model_dump(mode="json", exclude=_HOW)
