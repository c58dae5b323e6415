"""Settings of a network that cannot go together, each with its reason and the way out: one row per rule."""

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from forecasting.errors import InputError

if TYPE_CHECKING:
    from forecasting.forecasters.recurrent_settings import RecurrentSettings


class Refusal(NamedTuple):
    """`applies(settings)`: the settings break the rule; the message is the rule, what was set, and the way out."""

    applies: Callable[["RecurrentSettings"], bool]
    rule: str
    keys: tuple[str, ...]
    way_out: str


REFUSALS: dict[str, Refusal] = {
    "counts_without_shift": Refusal(
        lambda s: (
            s.head == "negative_binomial"
            and (
                s.scaling not in (None, "mean_abs", "none") or s.residual not in (None, "none") or s.transform != "none"
            )
        ),
        "head negative_binomial needs counts, which a transform, a shift or a base that is added would break",
        ("transform", "scaling", "residual"),
        "set transform to none, scaling to mean_abs or none, and residual to none",
    ),
}


def require_possible(settings: "RecurrentSettings") -> None:
    """InputError for the first rule of REFUSALS that the settings break."""
    for refusal in REFUSALS.values():
        if refusal.applies(settings):
            found = ", ".join(f"{key} {getattr(settings, key)!r}" for key in refusal.keys)
            raise InputError(f"{refusal.rule}, got {found}: {refusal.way_out} of forecaster {settings.name}")
