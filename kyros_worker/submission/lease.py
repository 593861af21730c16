"""Keeping the leases of this process, and noticing when one is lost.

One thread a process asks Postgres twice a second whether its claims still stand, and renews them
each third of a lease. A claim that is gone (cancelled, superseded, expired) aborts its call. While
Postgres is away nothing is aborted: whether a lease still stands is only Postgres's to say.
"""

import logging
import threading
import time
from collections.abc import Callable

from kyros_worker.database import is_away, transaction
from kyros_worker.settings import current
from kyros_worker.submission import claim
from kyros_worker.submission.claim import Held

_LOG = logging.getLogger(__name__)
_TICK_SECONDS = 0.5


class LeaseKeeper:
    """The claims that this process holds: each a submission, a claim number, and its abort."""

    def __init__(self) -> None:
        self._held: dict[Held, Callable[[], None]] = {}
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def stopping(self) -> bool:
        """Whether the process is shutting down: nothing new may begin."""
        return self._stopping.is_set()

    def wait_for_stop(self, seconds: float) -> None:
        """Pauses, but not longer than until the shutdown."""
        self._stopping.wait(seconds)

    def hold(self, held: Held, abort: Callable[[], None]) -> None:
        """Keeps a claim alive; `abort` is called, from another thread, when it is lost."""
        with self._lock:
            self._held[held] = abort
            if self._thread is None:
                self._thread = threading.Thread(target=self._keep, name="leases", daemon=True)
                self._thread.start()
        if self.stopping:
            abort()

    def drop(self, held: Held) -> None:
        """The claim has ended."""
        with self._lock:
            self._held.pop(held, None)

    def stop(self) -> None:
        """Aborts every call, so that each gives its lease back; for a shutdown."""
        self._stopping.set()
        with self._lock:
            aborts = list(self._held.values())
        for abort in aborts:
            abort()

    def _keep(self) -> None:
        renewed_at = time.monotonic()
        while True:
            time.sleep(_TICK_SECONDS)
            renewing = time.monotonic() - renewed_at >= current().lease_seconds / 3
            try:
                self._check(renewing=renewing)
            except Exception as error:  # noqa: BLE001 - the thread must outlive any fault
                if not is_away(error):
                    _LOG.exception("The leases could not be checked; trying again.")
                continue
            if renewing:
                renewed_at = time.monotonic()

    def _check(self, *, renewing: bool) -> None:
        with self._lock:
            held = dict(self._held)
        if not held:
            return
        with transaction() as connection:
            if renewing:
                standing = claim.renew(connection, list(held), current().lease_seconds)
            else:
                standing = claim.still_held(connection, list(held))
        for lost in held.keys() - standing:
            held[lost]()


#: The one keeper of this process.
keeper = LeaseKeeper()
