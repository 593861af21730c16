"""Heartbeats: each worker's process says every few seconds that it is there."""

import logging
import threading
from collections.abc import Callable
from datetime import timedelta

from sqlalchemy import Connection, delete, func, select
from sqlalchemy.dialects.postgresql import insert

from kyros_worker.clock import now
from kyros_worker.database import is_away, transaction
from kyros_worker.fleet.tables import Worker
from kyros_worker.queue.names import WEBHOOKS
from kyros_worker.words import ROLES

_LOG = logging.getLogger(__name__)
_BEAT_SECONDS = 5.0
#: A worker that was not seen for so long is not counted any more.
_ALIVE = timedelta(seconds=15)
#: One that was not seen for so long is forgotten.
_FORGOTTEN = timedelta(seconds=60)
#: A stop waits for a Postgres that is away no longer than this; the row is then swept.
_STOP_SECONDS = 1.0


class Heartbeat:
    """The heartbeat of this process, which works under a name like `implementer@host-pid`.

    It goes on while Postgres is away, and beats again as soon as it is back.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._role = name.partition("@")[0]
        self._started_at = now()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="heartbeat", daemon=True)

    def start(self) -> None:
        """Begins to beat, from a thread of its own."""
        self._thread.start()

    def stop(self) -> None:
        """Ends, and has the worker forgotten; waits a second for it at most."""
        self._stopping.set()
        self._thread.join(_STOP_SECONDS)

    def _keep(self) -> None:
        while not self._stopping.is_set():
            self._try(self._beat)
            self._stopping.wait(_BEAT_SECONDS)
        self._try(self._end)

    def _try(self, change: Callable[[Connection], None]) -> None:
        try:
            with transaction() as connection:
                change(connection)
        except Exception as error:  # noqa: BLE001 - the thread must outlive any fault
            if not is_away(error):
                _LOG.exception("The heartbeat failed; it goes on.")

    def _beat(self, connection: Connection) -> None:
        new = insert(Worker).values(
            name=self._name, role=self._role, started_at=self._started_at, seen_at=func.now()
        )
        # Another process may have had the name: in containers, pids and host names come again.
        changed = {name: new.excluded[name] for name in ("role", "started_at", "seen_at")}
        connection.execute(new.on_conflict_do_update(index_elements=[Worker.name], set_=changed))

    def _end(self, connection: Connection) -> None:
        connection.execute(delete(Worker).where(Worker.name == self._name))


def live_workers(connection: Connection) -> dict[str, int]:
    """How many workers of each fleet were seen just now; every fleet is there."""
    query = (
        select(Worker.role, func.count())
        .where(Worker.seen_at >= func.now() - _ALIVE)
        .group_by(Worker.role)
    )
    counted: dict[str, int] = {row[0]: row[1] for row in connection.execute(query)}
    return {role: counted.get(role, 0) for role in (*ROLES, WEBHOOKS)}


def forget_lost_workers(connection: Connection) -> None:
    """Forgets the workers that died without a word."""
    connection.execute(delete(Worker).where(Worker.seen_at < func.now() - _FORGOTTEN))
