"""The errors that a user can meet, each with its exit code; a message is: rule, value, way out."""

import difflib
from collections.abc import Sequence

EXIT_CODES = {
    0: "done",
    1: "an error that has no code of its own",
    2: "bad config or input, nothing written",
    3: "done, but --strict and series were quarantined or fell back",
    4: "a limit was passed, nothing published",
    5: "another run holds the lock",
    6: "monitoring raised an alert",
    7: "a service that the command needs did not start",
    130: "stopped by Ctrl-C",
    143: "stopped by SIGTERM",
}


class ForecastingError(Exception):
    """Base of all named errors; `exit_code` is what the command line returns."""

    exit_code = 1


class InputError(ForecastingError):
    """A bad config or bad input: nothing was written."""

    exit_code = 2


class LimitError(ForecastingError):
    """A limit such as `max_quarantined` or `max_fallback` was passed: nothing was published."""

    exit_code = 4


class LockedError(ForecastingError):
    """Another run holds the lock of this pipeline."""

    exit_code = 5


class AlertError(ForecastingError):
    """Monitoring raised an alert."""

    exit_code = 6


class ServiceError(ForecastingError):
    """A service that the command needs (Prefect's server) did not start; the message has the last lines it wrote."""

    exit_code = 7


class DivergedError(ForecastingError):
    """A fit met a non-finite loss or gradient and could not go on; `history` is what it had told up to there."""

    def __init__(self, message: str, history: list[dict[str, float]] | None = None) -> None:
        super().__init__(message)
        self.history = history or []


class StoppedError(ForecastingError):
    """A signal stopped the run (130 for SIGINT, 143 for SIGTERM); what was finished is kept and a rerun goes on."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class Terminated(KeyboardInterrupt):
    """SIGTERM as an interrupt: the clean-up of Ctrl-C runs, and no `except Exception` on the way up can swallow it."""


def unknown(what: str, value: object, known: list[str], where: str) -> InputError:
    """The error of a failed look-up: names the value, what is known, and the config key to mend."""
    near = nearest(value, known) if isinstance(value, str) else None
    meant = f"did you mean {near}? " if near else ""
    return InputError(f"{what} must be one of {', '.join(sorted(known))}, got {value!r}: {meant}set {where}")


def nearest(name: str, known: Sequence[str]) -> str | None:
    """The known name that was most likely meant."""
    return next(iter(difflib.get_close_matches(name, known, n=1, cutoff=0.6)), None)
