"""Counters of what has happened in all processes, which outlive them."""

import logging
import threading

from sqlalchemy import Connection, select
from sqlalchemy.dialects.postgresql import insert

from kyros_worker.database import is_away, transaction
from kyros_worker.monitoring.tables import Counter

#: How long what a process counted waits to be written: as much as its end can lose.
WRITTEN_AFTER_SECONDS = 5.0

_LOG = logging.getLogger(__name__)


class Tally:
    """What this process adds to a counter: written together, a few seconds after the first.

    While Postgres is away it is kept, and written as soon as it is back.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._lock = threading.Lock()
        self._pending = 0
        self._timer: threading.Timer | None = None

    def add(self, amount: int = 1) -> None:
        """Counts; costs no more than a lock."""
        with self._lock:
            self._pending += amount
            if self._timer is None:
                self._timer = threading.Timer(WRITTEN_AFTER_SECONDS, self.write)
                self._timer.daemon = True
                self._timer.start()

    def write(self) -> None:
        """Writes what is pending, now."""
        with self._lock:
            pending, self._pending, self._timer = self._pending, 0, None
        if not pending:
            return
        try:
            with transaction() as connection:
                _add(connection, self._name, pending)
        except Exception as error:  # noqa: BLE001 - what was counted must outlive any fault
            if not is_away(error):
                _LOG.exception("%s could not be written; it is tried again.", self._name)
            self.add(pending)


def read_counter(connection: Connection, name: str) -> int:
    """How often it has happened since the database was made, but for the last seconds."""
    query = select(Counter.value).where(Counter.name == name)
    return connection.execute(query).scalar_one_or_none() or 0


def _add(connection: Connection, name: str, amount: int) -> None:
    new = insert(Counter).values(name=name, value=amount)
    added = {"value": Counter.value + new.excluded.value}
    connection.execute(new.on_conflict_do_update(index_elements=[Counter.name], set_=added))
