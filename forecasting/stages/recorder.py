"""Where the values of a run go: what the chain asks of a recorder, and the one that records nothing."""

from pathlib import Path
from typing import Protocol

from forecasting.evaluation.gate import Verdict
from forecasting.stages.promote import Registry
from forecasting.tracking.runs import Status


class Recorder(Registry, Protocol):
    """Takes what stages return, and registers what `promote` says."""

    def take(self, value: object) -> None:
        """Record what a stage returned; the same value again adds nothing."""
        ...

    def end(self, status: Status) -> None:
        """The run is over: FINISHED, FAILED, or KILLED where a signal stopped it."""
        ...


class NoRecorder:
    """Records nothing."""

    mlflow_run_id: str | None = None

    def take(self, value: object) -> None:
        """Record nothing."""

    def register_champion(self, state: Path, model: str, verdict: Verdict) -> str | None:  # noqa: ARG002
        """Register nothing."""
        return None

    def register_challenger(self, state: Path, model: str, verdict: Verdict) -> str | None:  # noqa: ARG002
        """Register nothing."""
        return None

    def move_champion(self, version: str) -> None:
        """Move nothing."""

    def end(self, status: Status) -> None:
        """End nothing."""
