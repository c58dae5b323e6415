"""The fifth stage: every model on the same series and cutoffs, in parallel over both; what was done before is found again."""

import itertools
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np

from forecasting.errors import InputError
from forecasting.evaluation.owa import NAIVE2
from forecasting.evaluation.slices import origin_groups, slices_for
from forecasting.forecasters.baselines.settings import BaselineSettings
from forecasting.forecasters.baselines.table import BASELINES
from forecasting.forecasters.saved import SavedState, load_forecaster
from forecasting.reporting.reporter import listening
from forecasting.results import Job, Result
from forecasting.schema import BacktestSummary, BlendOutcome, ChunkOutcome
from forecasting.series.arrays.as_of import as_of
from forecasting.series.arrays.cutoffs import inner_origins, origins_at
from forecasting.series.arrays.series_arrays import Origins
from forecasting.stages.champion import Present, present_champion
from forecasting.stages.comparison import Comparison, Forecasts, Model, Tested
from forecasting.stages.fits import Order, fit_forecasters, fitted_members
from forecasting.stages.ingest import Ingested
from forecasting.stages.jobs.backtest import CheckJob, ChunkJob, DetailJob, Scoring, Slicing, chunks_of
from forecasting.stages.plan import Plan
from forecasting.stages.score import leaderboard_digest, publish, score
from forecasting.stages.states import baseline_result
from forecasting.stages.train import Trained
from forecasting.stages.window import Windowed

FEW_SERIES = 4  # per worker; with fewer a baseline's work is spread over cutoffs, with more over its series
QUICK = 200_000  # forecasts of one model: below it another process costs more than it saves


@dataclass(frozen=True, kw_only=True)
class Compared:
    """The models of a run, tested, and side by side; how the present champion stands to them."""

    tested: Mapping[str, Tested]
    forecasts: Forecasts
    comparison: Comparison
    present: Present
    summary: BacktestSummary


def backtest(
    plan: Plan, data: Ingested, windowed: Windowed, trained: Trained, *, output: Path | None = None
) -> Compared:
    """Forecast every evaluation cutoff with every network and baseline, and score them.

    Options:
        output: also write all forecasts to this Parquet file
    """
    bench = _Bench(plan=plan, data=data, windowed=windowed)
    models = [*_networks(plan, data, windowed, trained), *_blends(trained), *_baselines(plan, trained)]
    present = present_champion(plan, windowed, models)
    if present.model is not None:
        models.append(present.model)
    tested = bench.test(models)
    for name, of in tested.items():
        if of.check.outcome.moved:
            listening().warn(
                f"{name} looks ahead: {of.check.outcome.moved} of {of.check.outcome.checked} forecasts "
                "moved when the values after the cutoff were changed; it cannot be promoted"
            )
    forecasts = Forecasts(tested, data.run_id, _naive2(bench, tested))
    s = bench.slicing
    groups = origin_groups(windowed.arrays, windowed.origins, s.slices, plan.config.evaluation.weights)
    comparison = score(plan, tested, forecasts, groups, windowed.overlap(plan.task.horizon))
    publish(plan, data.run_id, forecasts, comparison)
    if output is not None:
        _write(forecasts, output)
    summary = BacktestSummary(
        models=len(tested),
        cutoffs=int(windowed.origins.window.max()) + 1,
        rows=sum(of.n_rows for of in tested.values()),
        best=comparison.board["model"][0],
        digest=forecasts.digest(),
        leaderboard_digest=leaderboard_digest(comparison.board),
        leaderboard=comparison.board.to_dicts(),
        leaks=[name for name, of in tested.items() if of.check.outcome.moved],
        output=None if output is None else str(output),
        reused=all(of.reused for of in tested.values()),
    )
    return Compared(tested=tested, forecasts=forecasts, comparison=comparison, present=present, summary=summary)


def _networks(plan: Plan, data: Ingested, windowed: Windowed, trained: Trained) -> list[Model]:
    """Every network that was fitted, with its refits."""
    networks = [
        Model(
            name=name,
            kind="recurrent",
            state=SavedState.at(result.folder / "state"),
            fit_seconds=result.outcome.fit_seconds,
            n_parameters=_n_parameters(trained, name),
            recipe=trained.recipes[name],
        )
        for name, result in trained.fitted.items()
    ]
    return _refitted(plan, data, windowed, trained, networks) if plan.config.evaluation.refit else networks


def _n_parameters(trained: Trained, name: str) -> int:
    return int(str(trained.evaluated[name].outcome.notes.get("n_parameters", 0)))


def _blends(trained: Trained) -> list[Model]:
    return [
        Model(
            name=name,
            kind="blend",
            state=SavedState.at(result.folder / "state"),
            fit_seconds=result.seconds,
            n_parameters=_parameters_of_blend(trained, result),
        )
        for name, result in trained.blends.items()
    ]


def _parameters_of_blend(trained: Trained, blend: Result[BlendOutcome]) -> int:
    """Those of the networks in a blend, and a weight for each member."""
    members = blend.outcome.members
    return len(members) + sum(_n_parameters(trained, name) for name in members if name in trained.fitted)


def _baselines(plan: Plan, trained: Trained) -> list[Model]:
    names = [settings.name for settings in plan.config.baselines]
    return [Model(name=name, kind="baseline", state=trained.baselines[name]) for name in names]


def _naive2(bench: "_Bench", tested: Mapping[str, Tested]) -> Tested | None:
    """Naive2 where a metric is compared with it: of the config's baselines, or tested beside them and not ranked."""
    evaluation = bench.plan.config.evaluation
    if "owa" not in (evaluation.primary_metric, *evaluation.metrics):
        return None
    for baseline in bench.plan.config.baselines:
        if baseline.kind == NAIVE2:
            return tested[baseline.name]
    if NAIVE2 not in BASELINES:
        raise InputError("OWA is a comparison with Naive2, which this version lacks: set evaluation.metrics")
    result = baseline_result(bench.plan, bench.data, BaselineSettings(NAIVE2))
    return bench.test([Model(name=NAIVE2, kind="baseline", state=SavedState.at(result.folder / "state"))])[NAIVE2]


def _write(forecasts: Forecasts, output: Path) -> None:
    output.parent.mkdir(parents=True, exist_ok=True)
    unfinished = output.with_name(f".{output.name}.{os.getpid()}")
    forecasts.scan("backtest").sink_parquet(unfinished)
    unfinished.replace(output)


@dataclass(frozen=True, kw_only=True)
class _Bench:
    """What all models are tested on."""

    plan: Plan
    data: Ingested
    windowed: Windowed

    def test(self, models: Sequence[Model]) -> dict[str, Tested]:
        """Forecast, score and check every model at every evaluation cutoff; what is there already is found again."""
        results, tell = self.plan.results, listening().progress
        jobs = {model.name: self._chunk_jobs(model) for model in models}
        for model in models:
            self._fit_all_cutoffs(model, jobs[model.name])
        checking = [self._check_job(model) for model in models]
        todo: list[Job[Any]] = [*(job for mine in jobs.values() for job in mine), *checking]
        made: Iterator[Result[Any]] = iter(results.run(todo, tell))
        of = {name: tuple(next(made) for _ in mine) for name, mine in jobs.items()}
        checks = list(made)
        details = results.run([self._detail_job(of[model.name]) for model in models], tell)
        return {
            model.name: Tested(model=model, chunks=of[model.name], check=check, detail=detail)
            for model, check, detail in zip(models, checks, details, strict=True)
        }

    @cached_property
    def scoring(self) -> Scoring:
        """How the forecasts of this run are scored."""
        evaluation = self.plan.config.evaluation
        names = dict.fromkeys([evaluation.primary_metric, *evaluation.metrics])
        if "owa" in names:
            names |= dict.fromkeys(["smape", "mase"])
        metrics = tuple(name for name in names if name != "owa")
        standard = None  # where no metric needs it, a further cutoff must leave the others as they are
        if any(name.startswith("standardised") for name in metrics):
            until, arrays = evaluation.standardise_until, self.windowed.arrays
            standard = self.windowed.until if until is None else origins_at(arrays, until)
        return Scoring(metrics=metrics, season_length=self.plan.task.season_length, standard=standard)

    @cached_property
    def slicing(self) -> Slicing:
        """What the scores of this run are grouped by."""
        evaluation, data = self.plan.config.evaluation, self.plan.config.data
        return Slicing(
            primary=evaluation.primary_metric if evaluation.primary_metric != "owa" else "mase",
            slices=slices_for(self.windowed.arrays, evaluation.slices, data.country),
            country=data.country,
            timezone=data.timezone,
        )

    def _chunk_jobs(self, model: Model) -> list[ChunkJob]:
        plan, made = self.plan, []
        quick = len(self.windowed.origins) * plan.task.horizon < QUICK and self._costs_little(model)
        wide = model.kind == "baseline" and self.windowed.arrays.n_series >= FEW_SERIES * plan.workers
        for origins in self._parts(model):
            state = model.state
            for window, later in model.refits:
                state = later if int(origins.window.min()) >= window else state
            job = ChunkJob(
                name=model.name,
                state=state,
                dataset=self.data.dataset,
                origins=replace(origins, window=origins.window - origins.window.min()),  # numbered as by itself
                fallback=plan.fallback,
                device=plan.device,
                scoring=self.scoring,
                workers=plan.workers if wide else 1,
                cache=plan.paths.forecast_cache,
                stays=wide or quick,
            )
            made.append(job)
        return made

    def _fit_all_cutoffs(self, model: Model, jobs: Sequence[ChunkJob]) -> None:
        """Where a baseline spreads its series over processes: all cutoffs in one go, so that processes start once.

        The chunks then find the fits in its cache.
        """
        plan = self.plan
        missing = [job for job in jobs if job.stays and job.workers > 1 and plan.results.find(job) is None]
        if len(missing) < 2 or self._costs_little(model):
            return
        parts = [job.origins for job in missing]
        origins = Origins(
            *(np.concatenate([getattr(part, name) for part in parts]) for name in ("series", "row", "window"))
        )
        forecaster = load_forecaster(model.state.folder, "cpu", plan.workers, plan.paths.forecast_cache)
        forecaster.forecast(self.windowed.arrays, origins, partial(listening().progress, f"fit {model.name}"))

    def _costs_little(self, model: Model) -> bool:
        """Networks and closed-form baselines forecast in microseconds, others are fitted to each history."""
        kinds = {baseline.name: baseline.kind for baseline in self.plan.config.baselines}
        return model.kind == "recurrent" or (model.name in kinds and BASELINES[kinds[model.name]].closed_form)

    def _parts(self, model: Model) -> list[Origins]:
        """The origins of each chunk; a chunk is forecast with one fit."""
        origins = self.windowed.origins
        begins = [0, *(window for window, _ in model.refits), int(origins.window.max()) + 1]
        parts = []
        for begin, end in itertools.pairwise(begins):
            mine = origins.take((origins.window >= begin) & (origins.window < end))
            parts += list(chunks_of(mine, self.plan.task.horizon)) if len(mine) else []
        return parts

    def _check_job(self, model: Model) -> CheckJob:
        return CheckJob(
            state=model.state,
            recipe=model.recipe,
            dataset=self.data.dataset,
            origins=self.windowed.origins,
            seed=self.plan.config.seed,
        )

    def _detail_job(self, chunks: tuple[Result[ChunkOutcome], ...]) -> DetailJob:
        return DetailJob(
            chunks=chunks,
            dataset=self.data.dataset,
            origins=self.windowed.origins,
            scoring=self.scoring,
            slicing=self.slicing,
        )


def _refitted(
    plan: Plan, data: Ingested, windowed: Windowed, trained: Trained, networks: Sequence[Model]
) -> list[Model]:
    """The networks with a further fit at every k-th cutoff; where one diverges the fit before it goes on."""
    every, origins = int(plan.config.evaluation.refit), windowed.origins
    windows = sorted(set(origins.window.tolist()))[every::every]
    orders, owners = [], []
    for model in networks:
        members = fitted_members(trained.evaluated[model.name], stop=False)
        for at in windows:
            until = origins.take(origins.window == at)
            inner = inner_origins(as_of(windowed.arrays, until), until, plan.task.horizon, *windowed.inner_windows)
            recipe = replace(trained.recipes[model.name], until=until, inner=inner)
            orders.append(Order(recipe=recipe, label=f"{model.name} again at cutoff {at}", members=members))
            owners.append((model.name, at))
    fits = zip(owners, fit_forecasters(plan, data, orders), strict=True)
    made = {owner: fit.evaluated for owner, fit in fits if fit.evaluated.outcome.failed is None}
    return [
        replace(
            model,
            refits=tuple(
                (at, SavedState.at(r.folder / "state")) for (name, at), r in made.items() if name == model.name
            ),
            fit_seconds=model.fit_seconds
            + sum(r.outcome.fit_seconds for (name, _), r in made.items() if name == model.name),
        )
        for model in networks
    ]
