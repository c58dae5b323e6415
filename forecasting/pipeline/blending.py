"""Blends in a run: weights from the inner cutoffs, out of what networks and baselines forecast there.

Comes in: a run whose networks are fitted. Goes out: one state per blend, with its score on the inner cutoffs, so that
blends compete as candidates of their own before any evaluation cutoff is seen. Weights and score are those of the
networks that saw no target of the inner cutoffs; what is blended are the networks that are evaluated.
"""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from forecasting.evaluation.scoring import score
from forecasting.forecasters.blend import BlendForecaster, BlendSettings, blended, weights_of
from forecasting.forecasters.catalog import load_forecaster, state_digest
from forecasting.forecasters.fallback import forecast_with_fallback
from forecasting.forecasters.protocol import Forecast, Task, no_progress, to_frame
from forecasting.pipeline.backtest_jobs import WorkerProgress, arrays_of
from forecasting.pipeline.fitting import final_job
from forecasting.series.arrays import Origins, SeriesArrays
from forecasting.series.as_of import as_of
from forecasting.series.dataset import Dataset
from forecasting.stages import StageResult, StageStore, write_json

if TYPE_CHECKING:
    from forecasting.pipeline.run import Run


@dataclass(frozen=True)
class BlendJob:
    """Find the weights of one blend."""

    inputs: dict[str, Any]
    store: Path
    name: str
    task: Task
    held_back: tuple[Path, ...]  # states of the members that are weighed
    evaluated: tuple[Path, ...]  # states of the same members that are blended
    dataset: Dataset
    until: Origins
    inner: Origins
    metric: str
    fallback: str
    device: str
    memory: Path
    serving: dict[str, Any]


def blend_settings(run: "Run") -> list[BlendSettings]:
    """The blends of the config; `auto` is the best network on the inner cutoffs with every baseline."""
    asked = run.config.blends
    if not isinstance(asked, str):
        return [blend for blend in asked if not set(blend.members) & set(run.failed)]
    scores = {name: r.summary["inner_score"] for name, r in run.fitted.items() if r.summary["inner_score"] is not None}
    if not scores or not len(run.inner):
        return []
    best = min(scores, key=lambda name: (scores[name], name))
    return [BlendSettings("blend", [best, *(baseline.name for baseline in run.config.baselines)])]


def blend_jobs(run: "Run") -> list[BlendJob]:
    """One job per blend; none without inner cutoffs to take weights from."""
    if not len(run.inner):
        return []
    states = run.states()
    weighed = states | {name: result.folder / "state" for name, result in run.held_back.items()}
    made = []
    for settings in blend_settings(run):
        held_back, evaluated = (tuple(of[name] for name in settings.members) for of in (weighed, states))
        inputs = run.inputs | {
            "blend": asdict(settings),
            "held_back": [state_digest(state) for state in held_back],
            "evaluated": [state_digest(state) for state in evaluated],
        }
        made.append(
            BlendJob(
                inputs,
                run.store.folder,
                settings.name,
                run.task,
                held_back,
                evaluated,
                run.dataset,
                run.until,
                run.inner,
                run.config.evaluation.primary_metric,
                run.fallback,
                run.device,
                run.paths.memory,
                run.serving,
            )
        )
    return made


def fit_blend(job: BlendJob, progress: WorkerProgress) -> StageResult:
    """The state folder of a blend, its weights, and its score where it was not fitted."""

    def build(folder: Path) -> dict[str, Any]:
        arrays = as_of(arrays_of(job.dataset), job.until)
        members = [load_forecaster(state, job.device, 1, job.memory) for state in job.held_back]
        forecasts = []
        for i, member in enumerate(members):
            forecasts.append(member.forecast(arrays, job.inner, no_progress))
            progress(i + 1, len(members), member.name)
        blend = BlendForecaster(job.name, members)
        blend.fit_weights(arrays, job.inner, forecasts)
        evaluated = {member.name: state for member, state in zip(members, job.evaluated, strict=True)}
        kept = [load_forecaster(evaluated[member.name], job.device) for member in blend.members]
        blend = BlendForecaster(job.name, kept, blend.weights)
        blend.save(folder / "state")
        write_json(folder / "state" / "serving.json", job.serving)
        return {
            "members": [member.name for member in blend.members],
            "weights": [round(float(w), 6) for w in blend.weights],
            "inner_score": _held_out_score(job, arrays, forecasts),
        }

    return StageStore(job.store).run("blend", job.inputs, build)


def final_blend(run: "Run", name: str) -> StageResult:
    """The blend that is served: the weights of the evaluated one, its networks fitted once more on all rows."""
    evaluated = run.blended[name]
    if not run.config.training.final_fit:
        return evaluated
    finals = {m: final_job(run, m) for m in evaluated.summary["members"] if m in run.fitted}
    inputs = run.inputs | {"evaluated": evaluated.key, "finals": {m: r.key for m, r in finals.items()}, "final": True}

    def build(folder: Path) -> dict[str, Any]:
        states = run.states() | {m: r.folder / "state" for m, r in finals.items()}
        members = [load_forecaster(states[m], "cpu") for m in evaluated.summary["members"]]
        state = load_forecaster(evaluated.folder / "state", "cpu")
        assert isinstance(state, BlendForecaster)
        BlendForecaster(name, members, state.weights).save(folder / "state")
        write_json(folder / "state" / "serving.json", run.serving)
        return {}

    return run.store.run("blend", inputs, build)


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
