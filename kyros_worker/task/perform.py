"""One job: claim, call, record. No transaction is held while the model thinks (design, law 3)."""

import concurrent.futures
import logging
import os
import socket
import threading
import time
from collections.abc import Sequence

from sqlalchemy import Connection

from kyros_worker.agent.ask import Reply, ask
from kyros_worker.database import is_away
from kyros_worker.group_commit import GroupCommit
from kyros_worker.model import loop
from kyros_worker.submission.lease import keeper
from kyros_worker.task.record import Ended, Recorded, record
from kyros_worker.task.start import Work, start

_LOG = logging.getLogger(__name__)
_PAUSE_SECONDS = 0.5
_GATHER_SECONDS = 0.01
#: An answer is kept so long while Postgres is away; its crash recovery may take a minute.
_KEEP_ANSWER_SECONDS = 150
#: A worker that was told to stop is killed after twelve seconds; its lease runs out by itself.
_KEEP_WHEN_STOPPING_SECONDS = 5


def perform(submission_id: str) -> None:
    """Works on a submission, if it waits to be worked on.

    Raises the database's error when Postgres is away before the claim, so that the message goes
    back to the broker.
    """
    work = _claims.add(submission_id)
    if work is None:
        return
    _say(work, "started")
    call = _Call()
    held = (work.submission_id, work.claim)
    keeper.hold(held, call.abort)
    try:
        _say(work, _call_and_record(work, call))
    finally:
        keeper.drop(held)


def _call_and_record(work: Work, call: "_Call") -> str:
    while True:
        began = time.monotonic()
        ended = Ended(work, call.make(work), time.monotonic() - began)
        recorded = _insist(ended)
        if isinstance(recorded, str):
            return recorded
        work = recorded


def _claim(connection: Connection, submission_ids: Sequence[str]) -> list[Work | None]:
    return start(connection, submission_ids, f"{socket.gethostname()}:{os.getpid()}")


#: What the jobs of this process claim or record at the same moment shares a transaction.
_claims = GroupCommit(_claim, gather=_GATHER_SECONDS)
_records = GroupCommit(record, gather=_GATHER_SECONDS)


class _Call:
    """The model call of one job: made in the process's event loop, aborted from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._aborted = False
        self._future: concurrent.futures.Future[Reply] | None = None

    def make(self, work: Work) -> Reply | None:
        """Makes the call and waits for its reply; None when it was aborted."""
        with self._lock:
            if self._aborted:
                return None
            self._future = loop.run(ask(work.brief, work.model, work.correction))
        try:
            return self._future.result()
        except concurrent.futures.CancelledError:
            return None

    def abort(self) -> None:
        """Closes the call's connection, now or as soon as it is opened."""
        with self._lock:
            self._aborted = True
            if self._future is not None:
                self._future.cancel()


def _insist(ended: Ended) -> Recorded:
    """Records as soon as Postgres is there; the lease decides if it still may."""
    began = time.monotonic()
    while True:
        try:
            return _records.add(ended)
        except Exception as error:
            patience = _KEEP_WHEN_STOPPING_SECONDS if keeper.stopping else _KEEP_ANSWER_SECONDS
            if not is_away(error) or time.monotonic() - began > patience:
                raise
            time.sleep(_PAUSE_SECONDS)


def _say(work: Work, what: str) -> None:
    _LOG.info(
        "%s %s %s (claim %s) request_id=%s",
        work.task_id,
        work.submission_id,
        what,
        work.claim,
        work.request_id,
    )
