"""Who waits for a lock in Postgres."""

import time

from sqlalchemy import text

from kyros_worker.database import read

_WAITING = text(
    "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
)


def wait_until_it_waits(running):
    """Until what a thread runs (its future) waits for a lock; fails when it never does."""
    deadline = time.monotonic() + 20
    while True:
        with read() as connection:
            if connection.execute(_WAITING).first() is not None:
                return
        assert not running.done(), "it is done, and has waited for no lock"
        assert time.monotonic() < deadline, "it waits for no lock"
        time.sleep(0.01)
