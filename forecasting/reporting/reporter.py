"""How a pipeline tells what it is doing: the command line listens with progress bars, a test or a library user not at all."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol


class Reporter(Protocol):
    """Listens to a run."""

    def stage(self, name: str) -> None:
        """A stage begins."""
        ...

    def progress(self, what: str, done: int, total: int, text: str) -> None:
        """`what` (trials of gru, series of ets) has come to done of total."""
        ...

    def finished(self, name: str, sentence: str, reused: bool) -> None:
        """A stage is done; `sentence` says what came out."""
        ...

    def warn(self, text: str) -> None:
        """Something that the user should know and that does not stop the run."""
        ...


class Silent:
    """Listens and says nothing."""

    def stage(self, name: str) -> None:
        """Say nothing."""

    def progress(self, what: str, done: int, total: int, text: str) -> None:
        """Say nothing."""

    def finished(self, name: str, sentence: str, reused: bool) -> None:
        """Say nothing."""

    def warn(self, text: str) -> None:
        """Say nothing."""


# A context variable, since a flow's parameters must be plain values that its page can show.
_LISTENING: ContextVar[Reporter] = ContextVar("reporter", default=Silent())  # noqa: B039 - Silent has no state


def listening() -> Reporter:
    """The reporter of this context."""
    return _LISTENING.get()


@contextmanager
def reporting(reporter: Reporter) -> Iterator[None]:
    """Everything inside tells this reporter."""
    token = _LISTENING.set(reporter)
    try:
        yield
    finally:
        _LISTENING.reset(token)
