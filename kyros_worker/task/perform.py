"""One job: claim, call, record. No transaction is held while the model thinks (design, law 3)."""

import concurrent.futures
import logging
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import Connection

from kyros_worker.agent.ask import Reply, ask
from kyros_worker.database import is_away, transaction
from kyros_worker.model import loop
from kyros_worker.submission.lease import keeper
from kyros_worker.task import record
from kyros_worker.task.start import Work, start

_LOG = logging.getLogger(__name__)
_PAUSE_SECONDS = 0.5
#: An answer is kept so long while Postgres is away; its crash recovery may take a minute.
_KEEP_ANSWER_SECONDS = 150
#: A worker that was told to stop is killed after twelve seconds; its lease runs out by itself.
_KEEP_WHEN_STOPPING_SECONDS = 5

T = TypeVar("T")


def perform(submission_id: str, worker: str) -> None:
    """Works on a submission, if it waits to be worked on.

    Raises the database's error when Postgres is away before the claim, so that the message goes
    back to the broker.
    """
    with transaction() as connection:
        work = start(connection, submission_id, worker)
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
    began = time.monotonic()
    reply = call.make(work)
    if reply is not None and record.is_invalid(reply):
        invalid = reply
        again = _insist(lambda connection: record.ask_again(connection, work, invalid))
        if again is None:
            return "lost its lease"
        work, reply = again, call.make(again)
    if reply is None:
        took = time.monotonic() - began
        given_back = _insist(lambda connection: record.abort(connection, work, took))
        return "given back" if given_back else "aborted"
    outcome, asked = reply, work
    recorded = _insist(lambda connection: record.reply(connection, asked, outcome))
    return "recorded" if recorded else "lost its lease; only the call's cost is recorded"


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


def _insist(step: Callable[[Connection], T]) -> T:
    """Carries out a transaction as soon as Postgres is there; its lease decides if it still may."""
    began = time.monotonic()
    while True:
        try:
            with transaction() as connection:
                return step(connection)
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
