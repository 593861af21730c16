"""How a worker comes back after its broker was away."""

import logging

from celery.worker.consumer import Consumer as CeleryConsumer
from celery.worker.state import maybe_shutdown
from kombu.connection import Connection

_LOG = logging.getLogger(__name__)

_RETRY_SECONDS = 1


class Consumer(CeleryConsumer):  # type: ignore[misc]
    """Celery's consumer, but for the pause between attempts to connect.

    Celery's own pauses grow to 30 s; work must run within 10 s of the broker's return.
    """

    def ensure_connected(self, conn: Connection) -> Connection:
        """Waits until the broker answers, asking each second; a shutdown ends the wait."""
        conn = conn.ensure_connection(  # type: ignore[no-untyped-call]
            lambda error, _pause: _LOG.warning("The broker is away (%s); asking again.", error),
            interval_start=_RETRY_SECONDS,
            interval_step=0,
            interval_max=_RETRY_SECONDS,
            callback=maybe_shutdown,
        )
        self.first_connection_attempt = False
        return conn
