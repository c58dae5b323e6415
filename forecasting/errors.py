"""The errors that a user can meet, each with its exit code; a message is: rule, value, way out."""


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


def unknown(what: str, value: object, known: list[str], where: str) -> InputError:
    """The error of a failed look-up: names the value, what is known, and the config key to mend."""
    return InputError(f"{what} must be one of {', '.join(sorted(known))}, got {value!r}: set {where}")
