"""The dispatcher's process, a thread for each of its works.

One publishes, one wakes the fleet of webhooks, one watches the broker, one sweeps, one tells the
health. They share nothing: a broker that is away or slow holds up no sweep, so recovery never runs
through the broker that it recovers (design, law 2). Any number of dispatchers may run side by side.
"""

import gc
import logging
import select
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import cast

import psycopg2
from celery import Celery
from kombu.exceptions import KombuError
from kombu.messaging import Producer
from redis import Redis, RedisError
from sqlalchemy import Connection, text

from kyros_worker.database import is_away
from kyros_worker.dispatch import health, lost_messages, sentinel, sweeps
from kyros_worker.dispatch.publish import AT_ONCE, publish_due, publishing
from kyros_worker.dispatch.wake import Waker
from kyros_worker.monitoring.alerts import Watch
from kyros_worker.settings import current
from kyros_worker.submission.create import QUEUE_CHANNEL
from kyros_worker.webhook.fan_out import DELIVERY_CHANNEL

_LOG = logging.getLogger(__name__)
_POLL_SECONDS = 0.2
_PAUSE_SECONDS = 1.0
_CHECK_SECONDS = 1.0
#: After a round that published so many, what is queued meanwhile goes out together: a round costs
#: as much as several messages. After a full round more is waiting already.
_BUSY = 3
_GATHER_SECONDS = 0.02
#: After Postgres was away, workers get this long to renew their leases before one is taken.
_GRACE_SECONDS = 8.0
_HEALTH_SECONDS = 5.0
#: After a start, and after Postgres was away, workers get this long to be seen before it is told
#: that they are not there.
_HEALTH_GRACE_SECONDS = 20.0

#: Each sweep and how often it runs, in seconds; one that says that there is more, at every round.
_SWEEPS: tuple[tuple[Callable[[], bool | None], float], ...] = (
    (sweeps.expired_leases, 1),
    (sweeps.deadlines, 1),
    (sweeps.undecided, 1),
    (sweeps.after_maintenance, 1),
    (sweeps.raise_waiting, 10),
    (sweeps.old_answers, 60),
    (sweeps.old_rotations, 60),
    (sweeps.ended_sessions, 60),
    (sweeps.ended_grants, 60),
    (sweeps.lost_workers, 10),
    (sweeps.fold_increments, 1),
    (sweeps.queue_samples, 5),
    (sweeps.unasked_counters, 60),
    (sweeps.old_sums, 3600),
)


def main() -> None:
    """Runs until SIGTERM or SIGINT."""
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    threads = [
        threading.Thread(target=_keep_going, args=(run, stopping), name=run.__name__, daemon=True)
        for run in (_publish, _wake, _watch_broker, _sweep, _tell_health)
    ]
    # What is due to be published waits for no sweep's turn at the interpreter, and for no search
    # of all that is loaded for garbage.
    sys.setswitchinterval(0.0005)
    gc.collect()
    gc.freeze()
    for thread in threads:
        thread.start()
    _LOG.info("The dispatcher runs.")
    stopping.wait()
    for thread in threads:
        thread.join(timeout=5)
    _LOG.info("The dispatcher has stopped.")


def _keep_going(run: Callable[[threading.Event], None], stopping: threading.Event) -> None:
    """Runs a loop again when a server went away; anything else is told in full, and survived."""
    while not stopping.is_set():
        try:
            run(stopping)
        except Exception as error:  # noqa: BLE001 - a dispatcher that ends recovers nothing
            if _is_away(error):
                _LOG.warning("%s waits: %s", run.__name__.strip("_"), str(error).splitlines()[0])
            else:
                _LOG.exception("%s failed; it goes on.", run.__name__.strip("_"))
            stopping.wait(_PAUSE_SECONDS)


def _is_away(error: Exception) -> bool:
    broker_away = isinstance(error, KombuError | RedisError | OSError)
    return broker_away or is_away(error) or isinstance(error, psycopg2.OperationalError)


def _publish(stopping: threading.Event) -> None:
    """Publishes as soon as a transaction that queued something has committed."""
    with _listening(QUEUE_CHANNEL) as (connection, app, producer):
        while not stopping.is_set():
            published = publish_due(connection, app, producer)
            if published == 0:
                _wait_for_news(connection)
            elif _BUSY <= published < AT_ONCE:
                stopping.wait(_GATHER_SECONDS)


def _wake(stopping: threading.Event) -> None:
    """Names the endpoints that have something due as soon as it is committed."""
    waker = Waker()
    with _listening(DELIVERY_CHANNEL) as (connection, app, producer), _redis() as redis:
        while not stopping.wait(_GATHER_SECONDS):
            waker.wake(connection, redis, app, producer)
            _wait_for_news(connection)


@contextmanager
def _listening(channel: str) -> Iterator[tuple[Connection, Celery, Producer]]:
    """A connection that hears of a channel, and what sends messages."""
    from kyros_worker.queue.app import app  # noqa: PLC0415 - workers import it before any setting

    with publishing() as connection, app.connection_for_write() as broker:
        connection.execute(text(f"LISTEN {channel}"))
        broker.ensure_connection(max_retries=1, timeout=5)
        yield connection, app, app.amqp.Producer(broker, auto_declare=False)


def _redis() -> Redis:
    url = current().required_redis_url()
    return Redis.from_url(url, socket_timeout=5, socket_connect_timeout=5, decode_responses=True)


def _watch_broker(stopping: threading.Event) -> None:
    """Notices what the broker has lost."""
    with _redis() as redis:
        while not stopping.wait(_CHECK_SECONDS):
            sentinel.check(redis)
            lost_messages.check(redis)


def _sweep(stopping: threading.Event) -> None:
    """Runs each sweep at its pace."""
    began = time.monotonic()
    due = {sweep: began + _GRACE_SECONDS * (sweep is sweeps.expired_leases) for sweep, _ in _SWEEPS}
    while not stopping.is_set():
        for sweep, pace in _SWEEPS:
            if time.monotonic() >= due[sweep]:
                more = sweep()
                due[sweep] = time.monotonic() + (0 if more else pace)
        stopping.wait(_POLL_SECONDS)


def _tell_health(stopping: threading.Event) -> None:
    """Tells how all is. It asks the broker, so it is no sweep."""
    pause, watch = _HEALTH_GRACE_SECONDS, Watch()
    while not stopping.wait(pause):
        health.check(watch)
        pause = _HEALTH_SECONDS


def _wait_for_news(connection: Connection) -> None:
    """Returns when the connection heard of something, after a fifth of a second at most."""
    driver = cast("psycopg2.extensions.connection", connection.connection.dbapi_connection)
    if not driver.notifies:
        select.select([driver], [], [], _POLL_SECONDS)
        driver.poll()
    driver.notifies.clear()
