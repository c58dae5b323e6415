"""Blends as jobs: weights from what networks and baselines forecast at the inner cutoffs, and the blend that is served.

Weights and score are those of the networks that saw no target of the inner cutoffs; what is blended are the networks that
are evaluated.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from pydantic import JsonValue

from forecasting.evaluation.scoring import score
from forecasting.forecasters.blend import BlendForecaster, blended, weights_of
from forecasting.forecasters.fallback import forecast_with_fallback
from forecasting.forecasters.protocol import Forecast, Task, no_progress, to_frame
from forecasting.forecasters.saved import SavedState, load_forecaster
from forecasting.results import Aside, Job, Making, write_json
from forecasting.schema import BlendOutcome
from forecasting.series.arrays.as_of import as_of
from forecasting.series.arrays.dataset import Dataset
from forecasting.series.arrays.series_arrays import Origins, SeriesArrays
from forecasting.stages.jobs.arrays import arrays_of


@dataclass(frozen=True, kw_only=True)
class BlendJob(Job[BlendOutcome]):
    """Find the weights of one blend."""

    kind = "blend"
    outcome = BlendOutcome

    name: str
    task: Task
    held_back: tuple[SavedState, ...]  # the members that are weighed
    evaluated: tuple[SavedState, ...]  # the same members as they are blended
    dataset: Dataset
    until: Origins
    inner: Origins
    metric: str
    fallback: str
    device: str
    cache: Aside[Path]
    serving: dict[str, JsonValue]

    @property
    def label(self) -> str:
        """The blend by name."""
        return f"blend {self.name}"

    def make(self, making: Making) -> BlendOutcome:
        """The state folder of the blend, its weights, and its score where it was not fitted."""
        arrays = as_of(arrays_of(self.dataset), self.until)
        members = [load_forecaster(state.folder, self.device, 1, self.cache) for state in self.held_back]
        forecasts = []
        for i, member in enumerate(members):
            forecasts.append(member.forecast(arrays, self.inner, no_progress))
            making.progress(i + 1, len(members), member.name)
        blend = BlendForecaster(self.name, members)
        blend.fit_weights(arrays, self.inner, forecasts)
        evaluated = {member.name: state.folder for member, state in zip(members, self.evaluated, strict=True)}
        kept = [load_forecaster(evaluated[member.name], self.device) for member in blend.members]
        blend = BlendForecaster(self.name, kept, blend.weights)
        blend.save(making.folder / "state")
        write_json(making.folder / "state" / "serving.json", self.serving)
        return _told(blend, _held_out_score(self, arrays, forecasts))


@dataclass(frozen=True, kw_only=True)
class FinalBlendJob(Job[BlendOutcome]):
    """The blend that is served: the weights of the evaluated one, its networks fitted once more on all rows."""

    kind = "blend"
    outcome = BlendOutcome

    name: str
    evaluated: SavedState
    members: tuple[SavedState, ...]  # in the order of the evaluated blend
    serving: dict[str, JsonValue]

    @property
    def here(self) -> bool:
        """It fits nothing."""
        return True

    def make(self, making: Making) -> BlendOutcome:
        """The state folder."""
        members = [load_forecaster(state.folder, "cpu") for state in self.members]
        evaluated = load_forecaster(self.evaluated.folder, "cpu")
        assert isinstance(evaluated, BlendForecaster)
        blend = BlendForecaster(self.name, members, evaluated.weights)
        blend.save(making.folder / "state")
        write_json(making.folder / "state" / "serving.json", self.serving)
        return _told(blend, None)


def _told(blend: BlendForecaster, inner_score: float | None) -> BlendOutcome:
    return BlendOutcome(
        members=[member.name for member in blend.members],
        weights=[round(float(w), 6) for w in blend.weights],
        inner_score=inner_score,
    )


def _held_out_score(job: BlendJob, arrays: SeriesArrays, forecasts: list[Forecast]) -> float | None:
    """The score of the inner cutoffs, each half of them with weights from the other: as networks are scored there.

    Halves are of series where there are several, else of cutoffs; with one of both nothing can be held out.
    """
    n_series, n_windows = len(np.unique(job.inner.series)), len(np.unique(job.inner.window))
    key = job.inner.series if n_series > 1 else job.inner.window
    if max(n_series, n_windows) < 2:
        return None
    half = np.isin(key, np.unique(key)[::2])
    frames = []
    for mine in (half, ~half):
        weights = weights_of(
            arrays, job.inner.take(~mine), [_take(f, ~mine) for f in forecasts], job.task.season_length
        )
        made = blended([_take(f, mine) for f in forecasts], weights, job.task)
        origins = job.inner.take(mine)
        served = forecast_with_fallback(_Given(job.task, made), job.fallback, arrays, origins, no_progress)
        frames.append(to_frame(served, arrays, origins, job.task))
    rows = pl.concat(frames).select(pl.lit("inner").alias("run_id"), pl.lit(job.name).alias("model"), pl.all())
    metric = "mase" if job.metric == "owa" else job.metric
    found = score(rows, arrays, job.inner, job.task.season_length, [metric]).filter(pl.col("metric") == metric)
    value = found["value"].mean()
    return None if value is None else float(value)  # type: ignore[arg-type]


@dataclass
class _Given:
    """Forecasts that are known already."""

    task: Task
    made: Forecast

    def forecast(self, *_: Any) -> Forecast:
        return self.made


def _take(forecast: Forecast, which: Any) -> Forecast:
    return Forecast(*(getattr(forecast, name)[which] for name in ("y_hat", "quantiles", "failed", "fallback")))
