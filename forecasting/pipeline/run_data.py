"""What the stages of a run read: the dataset as arrays, the cutoffs of its evaluation, and those before them.

Comes in: a config, and the dataset that the ingest stage sets. Goes out: origins, each found once and kept.
"""

from functools import cached_property
from typing import Any

import numpy as np
import polars as pl

from forecasting.config import Config
from forecasting.errors import InputError
from forecasting.pipeline.plan import task_of
from forecasting.series.arrays import Origins, SeriesArrays, require_future
from forecasting.series.cutoffs import inner_origins, last_origins, origins_of, training_origins
from forecasting.series.dataset import Dataset, Reading
from forecasting.series.inner_windows import InnerWindows, held_back, inner_windows

Summary = dict[str, Any]

MUCH_HELD_BACK = 0.15  # of the median series: 10 % made no difference on m4_hourly, 16 % made 1 % on tourism_monthly


class RunData:
    """`dataset` and `reading` are there once the ingest stage is done."""

    dataset: Dataset
    reading: Reading

    def __init__(self, config: Config) -> None:
        self.config = config
        self.task = task_of(config)
        self.looks_ahead = True  # what is known in advance must reach beyond the data, or the last stage would fail

    @property
    def fallback(self) -> str:
        """The baseline that serves what a forecaster cannot."""
        return self.config.prediction.fallback

    @property
    def overlap(self) -> int:
        """How many neighbouring cutoffs have a common target."""
        apart = np.diff(self.origins.row)[np.diff(self.origins.series) == 0]
        return max(1, -(-self.task.horizon // int(np.median(apart)))) if len(apart) else 1

    @property
    def serving(self) -> Summary:
        """How a served forecaster reads the series: saved beside its state."""
        kind = "date" if self.arrays.ds.dtype == pl.Date else "as given"  # MLflow hands dates over as time stamps
        return self.reading.to_dict() | {"fallback": self.fallback, "ds": kind}

    @cached_property
    def arrays(self) -> SeriesArrays:
        """The dataset of this run."""
        arrays = self.dataset.arrays()
        if self.looks_ahead:
            require_future(arrays, last_origins(arrays, self.reading.align), self.task.horizon)
        return arrays

    @cached_property
    def origins(self) -> Origins:
        """The evaluation cutoffs of every series."""
        origins = origins_of(self.arrays, self.task.horizon, self.config.evaluation, self.reading.align)
        if not len(origins):
            raise InputError(
                f"horizon must be shorter than the histories, got {self.task.horizon} steps and no series with an actual "
                "value after a first cutoff: set task.horizon or evaluation.n_windows"
            )
        return origins

    @cached_property
    def until(self) -> Origins:
        """The oldest evaluation cutoff of every series: tuning and training see nothing after it."""
        return training_origins(self.arrays, self.origins, self.config.evaluation, self.reading.align)

    @cached_property
    def inner_windows(self) -> InnerWindows:
        """How many inner cutoffs there are, and how far apart: of the config, or what suits the rows up to `until`."""
        asked, step_size = self.config.tuning.inner_windows, self.config.evaluation.step_size
        return inner_windows(self.arrays, self.until, self.task.horizon, asked, step_size)

    @cached_property
    def inner(self) -> Origins:
        """The inner cutoffs, whose horizons end at or before `until`."""
        return inner_origins(self.arrays, self.until, self.task.horizon, *self.inner_windows)

    @property
    def whole_history(self) -> bool:
        """Whether networks are fitted again on the rows that inner cutoffs hold back from the first fit."""
        asked = self.config.training.whole_history
        return held_back(self.arrays, self.until, self.inner) > MUCH_HELD_BACK if asked is None else asked
