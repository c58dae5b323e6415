"""The champion: the pointer to what serves with those that served before, and how it stands to the models of a run."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from forecasting.errors import InputError
from forecasting.forecasters.saved import SavedState, read_state, state_digest
from forecasting.results import write_json
from forecasting.schema import Champion, Served
from forecasting.stages.comparison import Model
from forecasting.stages.paths import Paths
from forecasting.stages.plan import Plan
from forecasting.stages.window import Windowed

SERVING = " (serving)"  # after the name of the present champion, where it is tested beside the models of a run
REMEMBERED = 20  # champions before the present one


@dataclass(frozen=True, kw_only=True)
class Present:
    """The present champion: its name among the tested models, or why it cannot be compared.

    `model` is set where it has to be tested beside the models of this run.
    """

    name: str | None
    reason: str
    model: Model | None = None


def read_champion(paths: Paths) -> Champion | None:
    """The pointer, None before the first promotion; InputError where it cannot be read."""
    if not paths.champion.exists():
        return None
    try:
        return Champion.model_validate(json.loads(paths.champion.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        reason = _wrong_in(error) if isinstance(error, ValidationError) else str(error)
        raise InputError(
            f"the pointer to the champion must be readable, got {paths.champion}: {reason}: remove it and promote again"
        ) from None


def _wrong_in(error: ValidationError) -> str:
    places = [".".join(str(part) for part in wrong["loc"]) or "the whole" for wrong in error.errors()]
    return f"missing or not as it was written: {', '.join(dict.fromkeys(places))}"


def champion_of(paths: Paths) -> Champion:
    """What serves, its files as they were registered; InputError before the first promotion."""
    champion = read_champion(paths)
    if champion is None:
        raise InputError(
            f"a champion must be promoted before it can forecast, found none in {paths.root}: run `forecast run` first"
        )
    if state_digest(Path(champion.folder)) != champion.digest:
        raise InputError(
            f"the champion's files must have the digest they were registered with: {champion.folder} was changed; promote again"
        )
    return champion


def point_to(paths: Paths, served: Served) -> Champion:
    """Make `served` the champion; what served before comes after it, newest first."""
    before = read_champion(paths)
    if before is None:
        previous: list[Served] = []
    elif before.digest == served.digest:
        previous = before.previous
    else:
        previous = [served_part(before), *before.previous][:REMEMBERED]
    champion = Champion(**served_part(served).model_dump(), previous=previous)
    write_json(paths.champion, champion.model_dump())
    return champion


def step_back(paths: Paths) -> Champion:
    """Put the champion before the present one back. Raises InputError where there is none or its files have changed."""
    now = read_champion(paths)
    if now is None or not now.previous:
        raise InputError(
            f"a rollback needs a champion before the present one, found none in {paths.champion}: promote another first"
        )
    back, *older = now.previous
    folder = Path(back.folder)
    if not folder.is_dir() or state_digest(folder) != back.digest:
        raise InputError(
            f"the files of the champion before must be as they were, {folder} is gone or changed: train it again"
        )
    champion = Champion(**back.model_dump(), previous=older)
    write_json(paths.champion, champion.model_dump())
    return champion


def served_part(champion: Served) -> Served:
    """A pointer without its past."""
    return Served(**{name: getattr(champion, name) for name in Served.model_fields})


def present_champion(plan: Plan, windowed: Windowed, models: Sequence[Model]) -> Present:
    """The present champion on the cutoffs of this run: as it was evaluated, since what serves may have seen them."""
    champion = read_champion(plan.paths)
    if champion is None:
        return Present(name=None, reason="there is none yet")
    folder = Path(champion.evaluated)
    if not folder.is_dir():
        return Present(name=None, reason=f"the evaluated state of {champion.model} is gone")
    state = SavedState.at(folder)
    for model in models:
        if model.state.digest == state.digest:
            return Present(name=model.name, reason="")
    reason = _why_not(plan, windowed, read_state(folder))
    if reason is not None:
        return Present(name=None, reason=f"{champion.model} cannot be compared: {reason}")
    beside = Model(name=f"{champion.model.removesuffix(SERVING)}{SERVING}", kind=champion.kind, state=state)
    return Present(name=beside.name, reason="", model=beside)


def _why_not(plan: Plan, windowed: Windowed, state: dict[str, Any]) -> str | None:
    """Why a state cannot be compared fairly on the cutoffs of this run, None where it can."""
    task, arrays = state["task"], windowed.arrays
    if task["horizon"] != plan.task.horizon or list(task["quantile_levels"]) != list(plan.task.quantile_levels):
        return "its horizon or quantile levels are others"
    seen = (state.get("fitted_on") or {}).get("last_ds")
    first = str(arrays.ds.gather(windowed.until.row).max())
    whole = arrays.ds.dtype.is_integer()
    if seen is not None and (int(seen) > int(first) if whole else str(seen) > first):
        return f"it has seen values up to {seen}, after the first cutoff, {first}"
    return None
