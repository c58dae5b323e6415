"""The gate in a run: what is known of the candidate is gathered, the verdict carried out, and one step back is kept open.

Comes in: a run whose backtest is done. Goes out: the verdict, the state that serves, and `champion.json`, the pointer to
it with those that served before.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from forecasting.config import Config
from forecasting.errors import InputError
from forecasting.evaluation.gate import Verdict, decide
from forecasting.evaluation.metrics import nominal_coverage
from forecasting.evaluation.rules import Facts
from forecasting.forecasters.catalog import load_forecaster, read_state, state_digest
from forecasting.forecasters.fallback import forecast_with_fallback
from forecasting.forecasters.protocol import no_progress, to_frame
from forecasting.pipeline.backtest_jobs import WorkerProgress, arrays_of
from forecasting.pipeline.paths import Paths
from forecasting.pipeline.tested import Model, Tested
from forecasting.processes import run_jobs
from forecasting.schema import CUTOFF, DS, UNIQUE_ID, Y_HAT
from forecasting.series.arrays import Origins
from forecasting.series.dataset import Dataset
from forecasting.stages import write_json

if TYPE_CHECKING:
    from forecasting.pipeline.run import Run

RELOAD_SAMPLE = 8  # series
SERVING = " (serving)"  # after the name of the present champion, where it is tested beside the models of a run
REMEMBERED = 20  # champions before the present one


@dataclass(frozen=True)
class Present:
    """The present champion: its name among the tested models, or why it cannot be compared.

    `model` is set where it has to be tested beside the models of this run.
    """

    name: str | None
    reason: str
    model: Model | None = None


def judge(run: "Run") -> Verdict:
    """The verdict. The reload, which takes seconds, is tried only where all other rules are passed."""
    facts = _facts(run)
    verdict = _decide(run, facts)
    if verdict.decision != "promoted":
        return verdict
    difference = reload_difference(run, run.tested[verdict.champion])
    return _decide(run, replace(facts, reload_difference=difference))


def present_champion(run: "Run", models: Sequence[Model]) -> Present:
    """The present champion on the cutoffs of this run: as it was evaluated, since what serves may have seen them."""
    pointer = _read(run.paths)
    if pointer is None:
        return Present(None, "there is none yet")
    state = Path(pointer["evaluated"])
    if not state.is_dir():
        return Present(None, f"the evaluated state of {pointer['model']} is gone")
    digest = state_digest(state)
    for model in models:
        if state_digest(model.state) == digest:
            return Present(model.name, "")
    reason = _why_not(run, read_state(state))
    if reason is not None:
        return Present(None, f"{pointer['model']} cannot be compared: {reason}")
    model = Model(f"{pointer['model'].removesuffix(SERVING)}{SERVING}", str(pointer["kind"]), state)
    return Present(model.name, "", model)


def pointer_of(run: "Run", verdict: Verdict, state: Path, version: str | None) -> dict[str, Any]:
    """The pointer to what serves now; what served before comes after it, newest first."""
    model = run.tested[verdict.champion].model
    fresh = {
        "model": verdict.champion,
        "kind": model.kind,
        "version": version or "unregistered",
        "digest": state_digest(state),
        "folder": str(state),
        "evaluated": str(model.state),
        "decision": verdict.decision,
        "run_id": run.run_id,
    }
    before = _read(run.paths)
    if before is None or before["digest"] == fresh["digest"]:
        return fresh | {"previous": before["previous"] if before else []}
    return fresh | {"previous": _chain(before)[:REMEMBERED]}


def roll_back(config: Config) -> dict[str, Any]:
    """Put the champion before the present one back; the pointer goes with it. Raises InputError where there is none."""
    paths = Paths(config.workspace, config.name)
    now = _read(paths)
    if now is None or not now.get("previous"):
        raise InputError(
            f"a rollback needs a champion before the present one, found none in {paths.champion}: promote another first"
        )
    back, *older = now["previous"]
    folder = Path(back["folder"])
    if not folder.is_dir() or state_digest(folder) != back["digest"]:
        raise InputError(
            f"the files of the champion before must be as they were, {folder} is gone or changed: train it again"
        )
    pointer: dict[str, Any] = back | {"previous": older}
    write_json(paths.champion, pointer)
    return pointer


def reload_difference(run: "Run", tested: Tested) -> float:
    """The largest relative difference of forecasts from a fresh process to those of the backtest, at the newest cutoff."""
    newest = run.origins.take(run.origins.window == run.origins.window.max())
    sample = newest.take(slice(0, None, max(1, len(newest) // RELOAD_SAMPLE)))
    state = tested.model.refits[-1][1] if tested.model.refits else tested.model.state
    job = ReloadJob(state, run.dataset, sample, run.fallback, run.device)
    (again,) = run_jobs(reload, [job], 1, isolated=True)
    key = [UNIQUE_ID, CUTOFF, DS]
    there = tested.scan("backtest").join(again.lazy().select(key), on=key, how="semi").collect()
    both = there.join(again, on=key, how="full", suffix="_again")
    names = [Y_HAT, *(c for c in again.columns if c[:1] == "q" and c[1:2].isdigit())]
    differences = [_relative(both[name], both[f"{name}_again"]) for name in names]
    return max(differences, default=np.inf)


@dataclass(frozen=True)
class ReloadJob:
    """Load a state and forecast a sample."""

    state: Path
    dataset: Dataset
    origins: Origins
    fallback: str
    device: str


def reload(job: ReloadJob, _: WorkerProgress) -> pl.DataFrame:
    """The forecasts of a sample, as rows of the ForecastTable."""
    forecaster = load_forecaster(job.state, job.device)
    arrays = arrays_of(job.dataset)
    forecast = forecast_with_fallback(forecaster, job.fallback, arrays, job.origins, no_progress)
    return to_frame(forecast, arrays, job.origins, forecaster.task)


def _relative(first: pl.Series, again: pl.Series) -> float:
    a, b = first.to_numpy(), again.to_numpy()
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        return float("inf")
    size = np.maximum(np.abs(a), np.abs(b)).max(initial=0.0)
    return float(np.abs(a - b).max(initial=0.0) / size) if size else 0.0


def _decide(run: "Run", facts: Facts) -> Verdict:
    config, present = run.config, run.present.name
    metric = config.evaluation.primary_metric
    sound = [b.name for b in config.baselines if not run.tested[b.name].check.summary["moved"]]
    if not sound:
        raise AssertionError("every baseline looks ahead: none can serve")  # a bug of ours, never of the data
    if present == run.candidate:
        facts, present = replace(facts, no_champion="the candidate is the present champion"), None
    evidence = run.scores.filter(pl.col("metric") == metric).select(UNIQUE_ID, CUTOFF, "model", "value").collect()
    return decide(evidence, run.candidate, sound, config.promotion, config.seed, metric, facts, present, run.overlap)


def _facts(run: "Run") -> Facts:
    """What is known of the candidate beside its scores in the primary metric."""
    if run.candidate is None:
        return Facts(no_champion=run.present.reason)
    tested, levels = run.tested[run.candidate], run.task.quantile_levels
    (row,) = run.leaderboard.filter(pl.col("model") == run.candidate).to_dicts()
    return Facts(
        coverage=row.get("coverage"),
        nominal_coverage=nominal_coverage(levels) if len(levels) > 1 else None,
        leaks=int(tested.check.summary["moved"]),
        leaks_checked=int(tested.check.summary["checked"]),
        n_forecasts=int(tested.total("n_origins")),
        n_wanted=len(run.origins),
        n_fallback=int(tested.total("n_fallback")),
        no_champion=run.present.reason,
    )


def _why_not(run: "Run", state: dict[str, Any]) -> str | None:
    """Why a state cannot be compared fairly on the cutoffs of this run, None where it can."""
    task = state["task"]
    if task["horizon"] != run.task.horizon or list(task["quantile_levels"]) != list(run.task.quantile_levels):
        return "its horizon or quantile levels are others"
    seen = (state.get("fitted_on") or {}).get("last_ds")
    first = str(run.arrays.ds.gather(run.until.row).max())
    whole = run.arrays.ds.dtype.is_integer()
    if seen is not None and (int(seen) > int(first) if whole else str(seen) > first):
        return f"it has seen values up to {seen}, after the first cutoff, {first}"
    return None


def _read(paths: Paths) -> dict[str, Any] | None:
    if not paths.champion.exists():
        return None
    pointer: dict[str, Any] = json.loads(paths.champion.read_text(encoding="utf-8"))
    return pointer


def _chain(pointer: dict[str, Any]) -> list[dict[str, Any]]:
    """A pointer without its past, then its past."""
    return [{key: value for key, value in pointer.items() if key != "previous"}, *pointer["previous"]]
