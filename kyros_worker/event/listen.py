"""Hearing that a task changed: one connection a process listens for all of its watchers."""

import logging
import select
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg2
from psycopg2.extensions import connection as PsycopgConnection  # noqa: N812

from kyros_worker.event.write import TASK_CHANNEL
from kyros_worker.settings import current

_LOG = logging.getLogger(__name__)
_PAUSE_SECONDS = 1.0
_QUIET_SECONDS = 10.0


class Listener:
    """The watchers of one process; each waits for one task and holds no connection of its own.

    When the connection was lost everybody is woken as soon as it is back: what was missed is then
    read, not heard.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._watchers: dict[str, list[threading.Event]] = {}
        self._thread: threading.Thread | None = None

    @contextmanager
    def watching(self, task_id: str) -> Iterator[threading.Event]:
        """Gives an event that is set at each change of the task from now on."""
        changed = threading.Event()
        with self._lock:
            self._watchers.setdefault(task_id, []).append(changed)
            if self._thread is None:
                self._thread = threading.Thread(target=self._listen, name="listen", daemon=True)
                self._thread.start()
        try:
            yield changed
        finally:
            with self._lock:
                self._watchers[task_id].remove(changed)
                if not self._watchers[task_id]:
                    del self._watchers[task_id]

    def _listen(self) -> None:
        while True:
            try:
                connection = psycopg2.connect(current().required_database_url(), connect_timeout=5)
                self._hear(connection)
            except psycopg2.Error as error:
                _LOG.warning("Listening is interrupted: %s", str(error).splitlines()[0])
            except Exception:  # noqa: BLE001 - the thread must outlive any fault
                _LOG.exception("Listening failed; it begins again.")
            time.sleep(_PAUSE_SECONDS)

    def _hear(self, connection: PsycopgConnection) -> None:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(f"LISTEN {TASK_CHANNEL}")
            self._wake_all()
            while True:
                if not select.select([connection], [], [], _QUIET_SECONDS)[0]:
                    # A server that is gone without a word is noticed by asking it something.
                    cursor.execute("SELECT 1")
                connection.poll()
                for notify in connection.notifies:
                    self._wake(notify.payload)
                connection.notifies.clear()

    def _wake(self, task_id: str) -> None:
        with self._lock:
            for changed in self._watchers.get(task_id, ()):
                changed.set()

    def _wake_all(self) -> None:
        with self._lock:
            for watchers in self._watchers.values():
                for changed in watchers:
                    changed.set()


#: The one listener of this process.
listener = Listener()
