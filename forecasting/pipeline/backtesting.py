"""The backtest of a run: every model on the same series and cutoffs, in parallel over both.

Comes in: an open run whose networks are fitted. Goes out: one `Tested` per model; what was done before is found again.
"""

import hashlib
import itertools
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from forecasting.errors import InputError
from forecasting.evaluation.owa import NAIVE2
from forecasting.evaluation.slices import origin_groups, slices_for
from forecasting.forecasters.baselines import BASELINES, BaselineSettings
from forecasting.forecasters.catalog import load_forecaster, state_digest
from forecasting.pipeline.backtest_jobs import CheckJob, ChunkJob, DetailJob, Job, Scoring, chunks_of, stage_of, work
from forecasting.pipeline.members import fit_forecasters, fitted_members
from forecasting.pipeline.reporter import listening
from forecasting.pipeline.tested import Model, Tested
from forecasting.series.arrays import Origins
from forecasting.series.as_of import as_of
from forecasting.series.cutoffs import inner_origins, origins_at
from forecasting.stages import StageResult

if TYPE_CHECKING:
    from forecasting.pipeline.run import Run

FEW_SERIES = 4  # per worker; with fewer a baseline's work is spread over cutoffs, with more over its series
QUICK = 200_000  # forecasts of one model: below it another process costs more than it saves


def models_of(run: "Run") -> list[Model]:
    """Every network that was fitted, with its refits, every blend and every baseline."""
    networks = [
        Model(
            name,
            "recurrent",
            result.folder / "state",
            float(result.summary["fit_seconds"]),
            int(result.summary["notes"].get("n_parameters", 0)),
            run.recipes[name],
        )
        for name, result in run.fitted.items()
    ]
    if run.config.evaluation.refit:
        networks = _refitted(run, networks)
    blends = [
        Model(name, "blend", result.folder / "state", result.seconds, _parameters(run, result))
        for name, result in run.blended.items()
    ]
    return [*networks, *blends, *(baseline_model(run, settings) for settings in run.config.baselines)]


def _parameters(run: "Run", blend: StageResult) -> int:
    """Those of the networks in a blend, and a weight for each member."""
    members = blend.summary["members"]
    networks = [run.fitted[name] for name in members if name in run.fitted]
    return len(members) + sum(int(network.summary["notes"].get("n_parameters", 0)) for network in networks)


def baseline_model(run: "Run", settings: BaselineSettings) -> Model:
    """A baseline: its state is its settings."""
    return Model(settings.name, "baseline", run.baseline_state(settings).folder / "state")


def backtest_models(run: "Run", models: Sequence[Model]) -> dict[str, Tested]:
    """Forecast, score and check every model at every evaluation cutoff; what is there already is found again."""
    scoring = scoring_of(run)
    jobs: dict[str, list[ChunkJob]] = {m.name: list(_chunk_jobs(run, m, scoring)) for m in models}
    checks = {m.name: _check_job(run, m) for m in models}
    for model in models:
        _fit_all_cutoffs(run, model, jobs[model.name])
    results = run_found(run, [*(job for mine in jobs.values() for job in mine), *checks.values()])
    details = {m.name: _detail_job(run, m, [results[job_key(job)] for job in jobs[m.name]], scoring) for m in models}
    results |= run_found(run, list(details.values()))
    return {
        m.name: Tested(
            m,
            tuple(results[job_key(job)] for job in jobs[m.name]),
            results[job_key(checks[m.name])],
            results[job_key(details[m.name])],
        )
        for m in models
    }


def naive2_of(run: "Run", tested: dict[str, Tested]) -> Tested | None:
    """Naive2 where a metric is compared with it: of the config's baselines, or tested beside them and not ranked."""
    evaluation = run.config.evaluation
    if "owa" not in (evaluation.primary_metric, *evaluation.metrics):
        return None
    for baseline in run.config.baselines:
        if baseline.kind == NAIVE2:
            return tested[baseline.name]
    if NAIVE2 not in BASELINES:
        raise InputError("OWA is a comparison with Naive2, which this version lacks: set evaluation.metrics")
    return backtest_models(run, [baseline_model(run, BaselineSettings(NAIVE2))])[NAIVE2]


def scoring_of(run: "Run") -> Scoring:
    """How the forecasts of this run are scored."""
    evaluation, data = run.config.evaluation, run.config.data
    names = dict.fromkeys([evaluation.primary_metric, *evaluation.metrics])
    if "owa" in names:
        names |= dict.fromkeys(["smape", "mase"])
    standard = run.until
    if evaluation.standardise_until is not None:
        standard = origins_at(run.arrays, evaluation.standardise_until)
    return Scoring(
        tuple(name for name in names if name != "owa"),
        evaluation.primary_metric if evaluation.primary_metric != "owa" else "mase",
        run.task.season_length,
        standard,
        slices_for(run.arrays, evaluation.slices, data.country),
        evaluation.weights,
        data.country,
        data.timezone,
    )


def groups_of(run: "Run") -> pl.DataFrame:
    """The groups of every evaluation origin."""
    s = scoring_of(run)
    return origin_groups(run.arrays, run.origins, s.slices, s.weights)


def run_found(run: "Run", jobs: Sequence[Job]) -> dict[str, StageResult]:
    """The results of all jobs by key; processes are started only for those that are not found."""
    found = {job_key(job): run.store.find(stage_of(job), job.inputs) for job in jobs}
    missing = [job for job in jobs if found[job_key(job)] is None]
    told = _Told(missing)
    for job in (job for job in missing if _stays(job)):
        found[job_key(job)] = work(job, told.of(job))
        told.finish(job)
    narrow = [job for job in missing if not _stays(job)]
    made = run.run_jobs(
        work,
        narrow,
        on_progress=lambda i, done, total, text: told.of(narrow[i])(done, total, text),
        on_result=lambda i, _: told.finish(narrow[i]),
    )
    found |= {job_key(job): result for job, result in zip(narrow, made, strict=True)}
    return {key: result for key, result in found.items() if result is not None}


def job_key(job: Job) -> str:
    """What tells the jobs of a run apart."""
    return f"{stage_of(job)} {hashlib.sha256(repr(sorted(job.inputs.items())).encode()).hexdigest()}"


class _Told:
    """Progress of each model over its chunks, in cutoffs."""

    def __init__(self, jobs: Sequence[Job]) -> None:
        self._total: dict[str, float] = {}
        self._done: dict[str, float] = {}
        for job in jobs:
            if isinstance(job, ChunkJob):
                self._total[job.name] = self._total.get(job.name, 0.0) + self._size(job)

    def of(self, job: Job) -> Callable[[int, int, str], None]:
        """How a job tells how far it is."""

        def progress(done: int, total: int, text: str) -> None:
            if isinstance(job, ChunkJob) and total:
                self._tell(job.name, self._size(job) * done / total, text)

        return progress

    def finish(self, job: Job) -> None:
        """One job is done."""
        if isinstance(job, ChunkJob):
            self._done[job.name] = self._done.get(job.name, 0.0) + self._size(job)
            self._tell(job.name, 0.0, "")

    def _tell(self, name: str, more: float, text: str) -> None:
        done = min(self._done.get(name, 0.0) + more, self._total[name])
        listening().progress(f"backtest {name}", round(done), round(self._total[name]), text)

    @staticmethod
    def _size(job: ChunkJob) -> float:
        return float(len(job.origins))


def _stays(job: Job) -> bool:
    """Whether a job is done in this process."""
    return isinstance(job, ChunkJob) and job.here


def _chunk_jobs(run: "Run", model: Model, scoring: Scoring) -> list[ChunkJob]:
    made = []
    quick = len(run.origins) * run.task.horizon < QUICK and _costs_little(run, model)
    wide = model.kind == "baseline" and run.arrays.n_series >= FEW_SERIES * run.workers
    for origins in _parts(run, model):
        state = model.state
        for window, later in model.refits:
            state = later if int(origins.window.min()) >= window else state
        job = ChunkJob(
            _inputs(run, state, origins, scoring) | {"name": model.name},
            run.store.folder,
            model.name,
            state,
            run.dataset,
            origins,
            run.fallback,
            run.device,
            run.workers if wide else 1,
            run.paths.memory,
            wide or quick,
            scoring,
        )
        made.append(job)
    return made


def _fit_all_cutoffs(run: "Run", model: Model, jobs: Sequence[ChunkJob]) -> None:
    """Where a baseline spreads its series over processes: all cutoffs in one go, so that processes start once.

    The chunks then find the fits in its memory.
    """
    missing = [job for job in jobs if job.here and job.workers > 1 and run.store.find("backtest", job.inputs) is None]
    if len(missing) < 2 or _costs_little(run, model):
        return
    parts = [job.origins for job in missing]
    origins = Origins(
        *(np.concatenate([getattr(part, name) for part in parts]) for name in ("series", "row", "window"))
    )
    forecaster = load_forecaster(model.state, "cpu", run.workers, run.paths.memory)
    forecaster.forecast(run.arrays, origins, partial(listening().progress, f"fit {model.name}"))


def _costs_little(run: "Run", model: Model) -> bool:
    """Networks and closed-form baselines forecast in microseconds, others are fitted to each history."""
    kinds = {baseline.name: baseline.kind for baseline in run.config.baselines}
    return model.kind == "recurrent" or (model.name in kinds and BASELINES[kinds[model.name]].closed_form)


def _parts(run: "Run", model: Model) -> list[Origins]:
    """The origins of each chunk; a chunk is forecast with one fit."""
    begins = [0, *(window for window, _ in model.refits), int(run.origins.window.max()) + 1]
    parts = []
    for begin, end in itertools.pairwise(begins):
        mine = run.origins.take((run.origins.window >= begin) & (run.origins.window < end))
        parts += list(chunks_of(mine, run.task.horizon)) if len(mine) else []
    return parts


def _inputs(run: "Run", state: Path, origins: Origins, scoring: Scoring) -> dict[str, Any]:
    """What forecasts and their scores depend on: by content, so that another run may use them too."""
    rows = hashlib.sha256(origins.row.tobytes()).hexdigest()
    standard = hashlib.sha256(scoring.standard.row.tobytes()).hexdigest()
    return {
        "state": state_digest(state),
        "data": run.inputs["data"],
        "reading": run.inputs["reading"],
        "task": run.inputs["task"],
        "fallback": run.fallback,
        "device": run.config.device,
        "origins": rows,
        "metrics": list(scoring.metrics),
        "standard": standard if any(name.startswith("standardised") for name in scoring.metrics) else None,
    }


def _check_job(run: "Run", model: Model) -> CheckJob:
    inputs = _inputs(run, model.state, run.origins, scoring_of(run)) | {"seed": run.config.seed}
    recipe = model.recipe
    return CheckJob(
        {key: inputs[key] for key in ("state", "data", "reading", "task", "origins", "seed")}
        | {"recipe": asdict(recipe.settings) | {"whole_history": recipe.whole_history} if recipe else None},
        run.store.folder,
        model.state,
        recipe,
        run.dataset,
        run.origins,
        run.config.seed,
    )


def _detail_job(run: "Run", model: Model, chunks: Sequence[StageResult], scoring: Scoring) -> DetailJob:
    inputs = {
        "chunks": [chunk.key for chunk in chunks],
        "name": model.name,
        "slices": list(scoring.slices),
        "primary": scoring.primary,
        "country": scoring.country,
        "timezone": scoring.timezone,
    }
    folders = tuple(chunk.folder for chunk in chunks)
    return DetailJob(inputs, run.store.folder, folders, run.dataset, run.origins, scoring)


def _refitted(run: "Run", networks: list[Model]) -> list[Model]:
    """The networks with a further fit at every k-th cutoff; where one diverges the fit before it goes on."""
    every = int(run.config.evaluation.refit)
    windows = sorted(set(run.origins.window.tolist()))[every::every]
    recipes, owners = [], []
    for model in networks:
        assert model.recipe is not None
        members = fitted_members(run.trained[model.name], stop=False)
        for window in windows:
            until = run.origins.take(run.origins.window == window)
            inner = inner_origins(as_of(run.arrays, until), until, run.task.horizon, *run.inner_windows)
            rows = hashlib.sha256(until.row.tobytes()).hexdigest()
            inputs = model.recipe.inputs | {"until": rows}
            recipes.append(replace(model.recipe, inputs=inputs, members=members, until=until, inner=inner))
            owners.append((model.name, window))
    results = fit_forecasters(run, recipes, [f"{name} again at cutoff {w}" for name, w in owners])
    fits = {o: fit.evaluated for o, fit in zip(owners, results, strict=True) if "failed" not in fit.evaluated.summary}
    return [
        replace(
            model,
            refits=tuple((w, r.folder / "state") for (name, w), r in fits.items() if name == model.name),
            fit_seconds=model.fit_seconds
            + sum(float(r.summary["fit_seconds"]) for (name, _), r in fits.items() if name == model.name),
        )
        for model in networks
    ]
