"""The Celery application. Every `jobs` module is listed here by hand."""

import logging
from typing import Any

from celery import Celery
from celery.signals import celeryd_init, setup_logging
from kombu.transport import TRANSPORT_ALIASES

from kyros_worker import log
from kyros_worker.queue.names import PRIORITIES
from kyros_worker.settings import current

_LOG = logging.getLogger(__name__)

TRANSPORT_ALIASES["redis"] = TRANSPORT_ALIASES["rediss"] = "kyros_worker.queue.transport:Transport"

app = Celery("kyros", include=["kyros_worker.task.jobs", "kyros_worker.webhook.jobs"])

app.conf.update(
    broker_url=current().required_redis_url(),
    # No result backend: results are rows.
    task_ignore_result=True,
    task_acks_late=True,
    worker_prefetch_multiplier=1,
    worker_send_task_events=True,
    # The broker may be away for as long as it likes; nothing is lost meanwhile.
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
    worker_consumer="kyros_worker.queue.consumer:Consumer",
    broker_transport_options={
        "priority_steps": list(range(len(PRIORITIES))),
        "queue_order_strategy": "priority",
        # What a worker has in hand it keeps in its memory, not in Redis: a dead worker's claims are
        # leases, and a message that was lost before its claim is published again.
        "ack_emulation": False,
        # No command takes that long. Whoever waits for a Redis that hangs, or that the network has
        # swallowed, asks anew after it: the fleet has ten seconds to be back.
        "socket_timeout": 5,
        "socket_connect_timeout": 5,
        "socket_keepalive": True,
        "health_check_interval": 10,
    },
    worker_redirect_stdouts=False,
    enable_utc=True,
    timezone="UTC",
)


@celeryd_init.connect  # type: ignore[untyped-decorator]
def _write_logs(sender: str, **_: Any) -> None:
    """A worker begins; `sender` is its name, `implementer@host-123`."""
    from celery.apps import worker  # noqa: PLC0415 - workers have it, others need not load it

    log.configure(sender.partition("@")[0])
    # What Celery says of a shutdown it writes past every logger.
    worker.safe_say = lambda said, *_: _LOG.info(said)


@setup_logging.connect  # type: ignore[untyped-decorator]
def _leave_logs(**_: Any) -> None:
    """That this signal has a receiver keeps Celery from configuring the logs itself."""
