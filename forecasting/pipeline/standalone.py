"""Whole commands as plain functions: one stage with what it needs, all of them, prediction by any model, monitoring."""

import os
from pathlib import Path

import polars as pl

from forecasting.config import Config
from forecasting.errors import AlertError, InputError, unknown
from forecasting.operations.monitoring import realised
from forecasting.operations.publishing import read_published
from forecasting.pipeline import ingestion, tables
from forecasting.pipeline.opening import open_run
from forecasting.pipeline.paths import Paths
from forecasting.pipeline.plan import task_of
from forecasting.pipeline.promotion import roll_back
from forecasting.pipeline.reporter import listening
from forecasting.pipeline.run import STAGES, Run
from forecasting.pipeline.run_data import Summary
from forecasting.pipeline.serving import champion_of, predict_champion, predict_paths, predict_states
from forecasting.schema import UNIQUE_ID
from forecasting.tracking.registry import promote, resolve
from forecasting.tracking.runs import Tracker, TrackingUnavailable


def run_all(config: Config) -> Summary:
    """Every stage in order, without Prefect."""
    with open_run(config) as run:
        for name in STAGES:
            getattr(run, name)()
        return run.summary()


def run_stage(name: str, config: Config) -> Summary:
    """One stage and what it needs (found again where it is done already); raises InputError for an unknown name."""
    if name == "monitor":
        return monitor(config)
    if name not in STAGES:
        raise unknown("a stage", name, [*STAGES, "monitor"], "the command")
    with open_run(config) as run:
        getattr(run, name)()
        return run.summary()


def backtest(config: Config, output: Path | None = None) -> Summary:
    """The backtest and what it needs; with `output` every forecast of every model goes to that Parquet file too."""
    with open_run(config) as run:
        run.looks_ahead = False  # nothing is forecast from the end of the data
        run.backtest()
        if output is not None:
            output.parent.mkdir(parents=True, exist_ok=True)
            unfinished = output.with_name(f".{output.name}.{os.getpid()}")
            run.results.scan("backtest").sink_parquet(unfinished)
            unfinished.replace(output)
        return run.summary() | {"output": str(output) if output else None}


def rollback(config: Config) -> Summary:
    """The champion before the present one serves again; the alias in MLflow moves with it where MLflow can be reached."""
    with open_run(config) as run:
        pointer = roll_back(config)
        told = {key: value for key, value in pointer.items() if key != "previous"}
        listening().finished("rollback", f"champion {pointer['model']}, version {pointer['version']}", False)
        try:
            tracker = Tracker(config.tracking.uri, config.tracking.artifacts, config.workspace.absolute(), config.name)
            promote(tracker, config.name, str(pointer["version"]))
        except TrackingUnavailable as error:
            listening().warn(
                f"MLflow cannot be reached ({error}); its alias champion was not moved: roll back its alias there"
            )
        return run.summary() | {"promote": told}


def ingest_dry(config: Config) -> Summary:
    """What ingest would do; writes nothing."""
    return ingestion.ingest(config, Paths(config.workspace, config.name), dry_run=True).summary


def predict(
    config: Config,
    *,
    forecaster: str | None = None,
    model: str | None = None,
    origin: str | None = None,
    output: Path | None = None,
    dry_run: bool = False,
    paths: int | None = None,
) -> Summary:
    """Forecast from the newest data: with the champion (published), or with evaluated forecasters or a registered model (not).

    With `paths` so many sample paths go to `output` in place of quantiles, and nothing is published.
    """
    if paths is not None and output is None:
        raise InputError(f"sample paths are written to a file, got --paths {paths} alone: add --output FILE")
    with open_run(config) as run:
        run.ingest()
        if paths is not None and output is not None:
            states = _states(run, config, forecaster, model)
            drawn = predict_paths(config, run.dataset, states, origin, paths, output)
            told = {"models": sorted(states), "n_rows": drawn.height, "n_series": drawn[UNIQUE_ID].n_unique()}
            return run.summary() | {"predict": told | {"n_paths": paths, "published": False, "output": str(output)}}
        if forecaster is None and model is None:
            summary = predict_champion(
                config, run.paths, run.dataset, run.run_id, origin=origin, dry_run=dry_run, output=output
            )
            return run.summary() | {"predict": summary}
        states = _states(run, config, forecaster, model)
        counts = predict_states(config, run.dataset, states, origin, output)
        told = {"models": sorted(states), **counts, "published": False}
        return run.summary() | {"predict": told | {"output": str(output) if output else None}}


def monitor(config: Config) -> Summary:
    """Score published forecasts on the actual values that have arrived; raises AlertError where the served model stays behind."""
    with open_run(config) as run:
        run.ingest()
        published = read_published(run.paths.table("forecasts"))
        if published is None:
            raise InputError(
                "forecasts must be published before they can be monitored, found none: run `forecast predict` first"
            )
        found = realised(published, run.dataset.arrays(), task_of(config), config.monitoring)
        if found.n_scored:
            tables.replace_run(run.paths.table("realised"), [found.scores], "monitor")
        if run.recording is not None:
            run.recording.monitoring(found)
        listening().finished("monitor", _told(found.n_scored, found.n_waiting, found.skills), False)
        summary = run.summary() | {
            "n_scored": found.n_scored,
            "n_waiting": found.n_waiting,
            "skill": found.skills["skill"].drop_nulls().tail(1).to_list(),
            "alert": found.alert,
        }
    if found.alert is not None:
        raise AlertError(found.alert)
    return summary


def _told(n_scored: int, n_waiting: int, skills: pl.DataFrame) -> str:
    if not n_scored:
        return f"no actual values have arrived yet for {n_waiting} published forecasts"
    newest = skills.drop_nulls("skill").tail(1)
    skill = (
        f", skill {newest['skill'][0]:.3f} against the seasonal naive at {newest['cutoff'][0]}" if newest.height else ""
    )
    return f"{n_scored} published forecasts scored, {n_waiting} still waiting{skill}"


def _states(run: Run, config: Config, forecaster: str | None, model: str | None) -> dict[str, Path]:
    """Folders of what is asked for by name: a registered model, an evaluated forecaster, or the champion."""
    if model is not None:
        return _registered(config, model)
    if forecaster is not None:
        return _evaluated(run, forecaster)
    pointer = champion_of(run.paths)
    return {str(pointer["model"]): Path(pointer["folder"])}


def _evaluated(run: Run, name: str) -> dict[str, Path]:
    """State folders of evaluated versions: one network or baseline, or all."""
    run.train()
    known = run.states()
    if name == "all":
        return known
    if name not in known:
        raise unknown("a forecaster", name, [*known, "all"], "--forecaster")
    return {name: known[name]}


def _registered(config: Config, uri: str) -> dict[str, Path]:
    tracker = Tracker(config.tracking.uri, config.tracking.artifacts, config.workspace.absolute(), config.name)
    found = resolve(tracker, uri)
    return {uri: found.folder}
