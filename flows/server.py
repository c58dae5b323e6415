"""Which Prefect server the flows of this process talk to: the one that PREFECT_API_URL names, or our own on loopback."""

from collections.abc import Iterator
from contextlib import contextmanager

from prefect import get_client
from prefect.events.worker import EventsWorker
from prefect.logging.handlers import APILogHandler
from prefect.settings import PREFECT_API_URL, PREFECT_FLOWS_HEARTBEAT_FREQUENCY, PREFECT_HOME, temporary_settings

from flows.own_server import OwnServer
from forecasting.errors import InputError

_FLUSH_SECONDS = 10.0
_NO_HEARTBEAT = {PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}  # nobody listens, and every flow run waits a second for it


@contextmanager
def connected(own: OwnServer | None) -> Iterator[str]:
    """The API's address inside the block: that of our `own` server, once it answers, or of the one PREFECT_API_URL names.

    Raises InputError where the named one does not answer, ServiceError where our own does not start.
    """
    if own is None:
        named = str(PREFECT_API_URL.value())
        _require_answer(named)
        yield named
        return
    address = own.address()
    with temporary_settings({**_NO_HEARTBEAT, PREFECT_HOME: own.home, PREFECT_API_URL: address}):
        try:
            yield address
        finally:
            _flush()


def _require_answer(named: str) -> None:
    with get_client(sync_client=True) as client:
        failure = client.api_healthcheck()
    if failure is not None:
        raise InputError(
            f"PREFECT_API_URL must name a server that answers, got {named} ({failure}): start it, or unset it"
        )


def _flush() -> None:
    """Deliver what Prefect's threads still hold: states of tasks travel as events, and logs in batches."""
    EventsWorker.drain_all(timeout=_FLUSH_SECONDS)
    APILogHandler().flush()
