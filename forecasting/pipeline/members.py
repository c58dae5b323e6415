"""Fits of forecasters from fits of their members: networks are trained apart, in parallel, then put together and calibrated.

Comes in: one job per forecaster. Goes out: one `Fits` per forecaster, with the states of its ensemble; a member that
diverged is left out, with a note, and a forecaster all of whose members diverged has failed.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, NamedTuple

from forecasting.evaluation.selection import inner_score
from forecasting.forecasters.calibration import Calibration
from forecasting.forecasters.ensemble import EnsembleForecaster, members_of
from forecasting.forecasters.protocol import no_progress
from forecasting.forecasters.recurrent import load as load_network
from forecasting.forecasters.recurrent_settings import in_steps, settings_from_dict
from forecasting.pipeline.jobs import FittedMember, TrainJob, train
from forecasting.pipeline.reporter import listening
from forecasting.series.as_of import as_of
from forecasting.stages import StageResult, StageStore, key_of, write_json

if TYPE_CHECKING:
    from forecasting.pipeline.run import Run

WorkerProgress = Callable[[int, int, str], None]
_FEW = 50_000  # forecasts of inner cutoffs: below it starting workers costs more than it saves


@dataclass(frozen=True)
class AssembleJob:
    """Put the trained members of one forecaster together."""

    inputs: dict[str, Any]
    recipe: TrainJob
    members: tuple[StageResult, ...]


class Fits(NamedTuple):
    """`held_back` saw no target of the inner cutoffs, so that its forecasts there may be scored and weighed; `evaluated`
    is what forecasts from then on: the same fit, or a further one on the whole history.
    """

    held_back: StageResult
    evaluated: StageResult


def fit_forecasters(run: "Run", recipes: Sequence[TrainJob], labels: Sequence[str]) -> list[Fits]:
    """The fitted states of every recipe, members trained side by side; what was done before is found again."""
    first = _fitted(run, recipes, labels)
    again = [
        i
        for i, (recipe, result) in enumerate(zip(recipes, first, strict=True))
        if recipe.whole_history and len(recipe.inner) and "failed" not in result.summary
    ]
    todo = [_on_whole_history(recipes[i], first[i]) for i in again]
    second = dict(
        zip(again, _fitted(run, todo, [f"{labels[i]} again on the whole history" for i in again]), strict=True)
    )
    return [Fits(result, merged(result, second.get(i), labels[i])) for i, result in enumerate(first)]


def _on_whole_history(recipe: TrainJob, first: StageResult) -> TrainJob:
    """The same members for as many steps as were best, with no row held back; calibrated as the first fit was."""
    return replace(
        recipe,
        members=fitted_members(first, stop=True),
        calibration=first.summary["calibration"],
        inputs=recipe.inputs | {"whole_history": first.key},
        inner=recipe.inner.take(slice(0)),
    )


def merged(first: StageResult, second: StageResult | None, label: str) -> StageResult:
    """The second fit's state; its course, scores and choice of steps are the first one's, seconds those of both."""
    if second is None:
        return first
    if "failed" in second.summary:
        listening().warn(
            f"{label} is evaluated as it was fitted without the inner cutoffs: on the whole history it {second.summary['failed']}"
        )
        return first
    seconds = {"held_back": first.summary["fit_seconds"], "whole_history": second.summary["fit_seconds"]}
    lost = sum(result.summary["notes"]["n_lost_members"] for result in (first, second))
    summary = first.summary | {
        "members": second.summary["members"],
        "notes": second.summary["notes"] | {"n_lost_members": lost},
        "fit_seconds": sum(seconds.values()),
        "seconds_of": seconds,
    }
    reused, took = first.reused and second.reused, first.seconds + second.seconds
    return replace(second, summary=summary, reused=reused, seconds=took)


def _fitted(run: "Run", recipes: Sequence[TrainJob], labels: Sequence[str]) -> list[StageResult]:
    """The state of every recipe's ensemble."""
    members = [member_jobs(recipe) for recipe in recipes]
    names = [_label(label, i, len(of)) for label, of in zip(labels, members, strict=True) for i in range(len(of))]
    results = iter(run.run_missing("train", train, [job for of in members for job in of], names))
    todo = [_assembly(recipe, [next(results) for _ in of]) for recipe, of in zip(recipes, members, strict=True)]
    if sum(len(job.recipe.inner) * len(job.members) for job in todo) > _FEW:
        return run.run_missing("ensemble", assemble, todo, list(labels))
    return [assemble(job, no_progress) for job in todo]


def member_jobs(recipe: TrainJob) -> list[TrainJob]:
    """One job per network: as the settings say, or as an earlier fit had them."""
    members = recipe.members or tuple(
        FittedMember(member.settings, member.seed) for member in members_of(recipe.settings, recipe.seed)
    )
    return [
        replace(
            recipe,
            settings=member.settings,
            seed=member.seed,
            members=(),
            calibration=None,
            inputs=recipe.inputs | {"settings": asdict(member.settings), "seed": member.seed},
        )
        for member in members
    ]


def fitted_members(result: StageResult, *, stop: bool) -> tuple[FittedMember, ...]:
    """The members of a fit with nothing left to adapt: more rows must not change what adapts to their number.

    With `stop` a further fit takes as many steps as were best, with a whole schedule of their own.
    """
    found = []
    for m in result.summary["members"]:
        settings = settings_from_dict(m["resolved"])
        found.append(FittedMember(in_steps(settings, m["best_step"]) if stop else settings, m["seed"]))
    return tuple(found)


def assemble(job: AssembleJob, progress: WorkerProgress) -> StageResult:
    """The forecaster's state folder, calibrated on the inner cutoffs or as an earlier fit was."""
    recipe = job.recipe
    told = [member.summary for member in job.members]
    fitted = [(member, s) for member, s in zip(job.members, told, strict=True) if "failed" not in s]

    def build(folder: Path) -> dict[str, Any]:
        if not fitted:
            return {"failed": told[0]["failed"], "history": told[0]["history"]}
        networks = [load_network(member.folder / "state", recipe.device) for member, _ in fitted]
        ensemble = EnsembleForecaster(recipe.settings, recipe.task, networks, recipe.device)
        score = None
        if len(recipe.inner):
            arrays = as_of(recipe.dataset.arrays(), recipe.until)
            if recipe.settings.calibrate:
                ensemble.calibrate(ensemble.forecast(arrays, recipe.inner, progress), arrays, recipe.inner)
            score = inner_score(ensemble, recipe.fallback, arrays, recipe.inner, recipe.metric)
        elif recipe.calibration is not None:
            ensemble.calibration = Calibration.from_dict(recipe.calibration)
        ensemble.save(folder / "state")
        write_json(folder / "state" / "serving.json", recipe.serving)
        return _summary([s for _, s in fitted], ensemble, score, len(told) - len(fitted))

    result = StageStore(recipe.store).run("ensemble", job.inputs, build)
    return replace(result, reused=result.reused and all(member.reused for member in job.members))


def _summary(
    members: Sequence[dict[str, Any]], ensemble: EnsembleForecaster, score: float | None, n_lost: int
) -> dict[str, Any]:
    """What the record shows: curves of the first member, sums and medians over all."""
    first = members[0]
    losses = [m["best_loss"] for m in members if m["best_loss"] is not None]
    n_parameters = sum(m["notes"]["n_parameters"] for m in members)
    return first | {
        "best_step": int(median(m["best_step"] for m in members)),
        "best_loss": median(losses) if losses else None,
        "fit_seconds": sum(m["fit_seconds"] for m in members),
        "inner_score": score,
        "notes": first["notes"] | ensemble.notes() | {"n_parameters": n_parameters, "n_lost_members": n_lost},
        "calibration": ensemble.calibration.to_dict() if ensemble.calibration else None,
        "members": [{key: m[key] for key in ("resolved", "seed", "best_step", "best_loss")} for m in members],
    }


def _assembly(recipe: TrainJob, members: list[StageResult]) -> AssembleJob:
    lost = sum("failed" in member.summary for member in members)
    if 0 < lost < len(members):
        listening().warn(f"{recipe.settings.name} goes on without {lost} of {len(members)} members, which diverged")
    inputs = {
        "members": [member.key for member in members],
        "settings": asdict(recipe.settings),
        "inner": key_of("inner", {"row": recipe.inner.row.tolist(), "series": recipe.inner.series.tolist()}),
        "calibration": recipe.calibration,
        "metric": recipe.metric,
        "fallback": recipe.fallback,
        "serving": recipe.serving,
    }
    return AssembleJob(inputs, recipe, tuple(members))


def _label(label: str, number: int, of: int) -> str:
    return label if of == 1 else f"{label} {number + 1}/{of}"
