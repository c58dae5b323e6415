"""The search space of a study: distributions by settings key, and a trial's suggestion of values for them."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from forecasting.errors import InputError

if TYPE_CHECKING:  # the config reads its space, long before a study begins
    import optuna

Choice = str | int | float | bool | None


@dataclass(frozen=True, kw_only=True)
class Distribution:
    """Either `choices`, or a range from `low` to `high` (integers where both are), on a log scale or in steps."""

    __pydantic_config__ = {"extra": "forbid"}  # noqa: RUF012 - read by pydantic where the config file is parsed

    low: int | float | None = None
    """Smallest value. Null: `choices` says what is tried. Example: 16"""
    high: int | float | None = None
    """Largest value; whole numbers are tried where `low` and `high` are whole. Null: `choices` says what is tried.
    Example: 64
    """
    log: bool = False
    """Whether values are spread evenly on a log scale; `low` must be above 0."""
    step: int | float | None = None
    """Distance between values; not together with `log`. Null: 1 for whole numbers, none else. Example: 8"""
    choices: tuple[Choice, ...] | None = None
    """Values to choose from. Null: the range from `low` to `high`. Example: [last_value, standard]"""

    def __post_init__(self) -> None:
        ranged = self.low is not None and self.high is not None
        if ranged == bool(self.choices):
            raise InputError(f"a search range needs low and high, or choices, got {self}: set tuning.space")
        if self.low is not None and self.high is not None and self.low > self.high:
            raise InputError(f"low must not be above high, got {self.low} > {self.high}: set tuning.space")
        if self.log and (self.step is not None or (self.low is not None and self.low <= 0)):
            raise InputError(f"a log range starts above 0 and has no step, got {self}: set tuning.space")


def suggest(trial: "optuna.Trial", space: dict[str, Distribution]) -> dict[str, Choice]:
    """One value per key, in the order of the keys so that a trial is the same on each machine."""
    return {key: _suggest(trial, key, space[key]) for key in sorted(space)}


def _suggest(trial: "optuna.Trial", key: str, d: Distribution) -> Choice:
    if d.choices:
        return trial.suggest_categorical(key, list(d.choices))
    assert d.low is not None  # checked when the distribution was made
    assert d.high is not None
    if isinstance(d.low, int) and isinstance(d.high, int):
        return trial.suggest_int(key, d.low, d.high, step=int(d.step or 1), log=d.log)
    return trial.suggest_float(key, d.low, d.high, step=d.step, log=d.log)


def apply(settings: dict[str, Any], values: dict[str, Choice]) -> dict[str, Any]:
    """`settings` (as a mapping) with suggested values in place; `training.learning_rate` reaches into the nested mapping."""
    changed = {**settings, "training": {**settings.get("training", {})}}
    for key, value in values.items():
        if key.startswith("training."):
            changed["training"][key.removeprefix("training.")] = value
        else:
            changed[key] = value
    return changed
