"""What a worker does with its messages: claim, call, record.

One thread claims all that came meanwhile, one records all that ended meanwhile, each in one
transaction; between the two, all calls run side by side on the process's event loop. So a worker
needs no thread a call, and no transaction is held while a model thinks (design, law 3).
"""

import logging
import os
import socket
import threading
import time
from collections.abc import Sequence
from concurrent.futures import CancelledError, Future

from sqlalchemy import Connection

from kyros_worker import event_loop as loop
from kyros_worker.agent.ask import Reply, ask
from kyros_worker.database import is_away
from kyros_worker.gathered import Gathered
from kyros_worker.group_commit import commit
from kyros_worker.submission.lease import keeper
from kyros_worker.task.record import Ended, record
from kyros_worker.task.start import Work, start

_LOG = logging.getLogger(__name__)
_PAUSE_SECONDS = 0.5
_PAUSE_BEFORE_CLAIM_SECONDS = 1.0
_GATHER_SECONDS = 0.03
#: An answer is kept so long while Postgres is away; its crash recovery may take a minute.
_KEEP_ANSWER_SECONDS = 150
#: A worker that was told to stop is killed after twelve seconds; its lease runs out by itself.
_KEEP_WHEN_STOPPING_SECONDS = 5


def perform(submission_id: str) -> None:
    """Works on a submission, if it waits to be worked on, and waits for its end.

    Raises StoppingError, or the database's error when Postgres is away before the claim, so that
    the message goes back to the broker.
    """
    take(submission_id).result()


def take(submission_id: str) -> Future[None]:
    """Begins to work on a submission; the future ends as `perform` does."""
    job = _Job(submission_id)
    if keeper.stopping:
        job.end(StoppingError())
    else:
        _taken.put(job)
    return job.done


class StoppingError(Exception):
    """The worker is shutting down: it begins nothing new."""


class _Job:
    """A message's way through the worker: the claim, its calls, their record."""

    work: Work
    ended: Ended

    def __init__(self, submission_id: str) -> None:
        self.submission_id = submission_id
        self.done: Future[None] = Future()
        self._lock = threading.Lock()
        self._aborted = False
        self._call: loop.Running[Reply] | None = None

    def begin(self, work: Work) -> None:
        """The submission is claimed."""
        self.work = work
        _say(work, "started")
        keeper.hold((work.submission_id, work.claim), self.abort)
        self.call(work)

    def call(self, work: Work) -> None:
        """Makes a call; its reply goes to those that are to be recorded."""
        self.work = work
        self._began = time.monotonic()
        with self._lock:
            running = None
            if not self._aborted:
                running = self._call = loop.run(ask(work.brief, work.model, work.correction))
        if running is None:
            self._reply(None)
        else:
            running.add_done_callback(self._called)

    def abort(self) -> None:
        """Closes the call's connection, now or as soon as it is opened."""
        with self._lock:
            self._aborted = True
            running = self._call
        if running is not None:
            running.cancel()

    def end(self, error: BaseException | None = None) -> None:
        """The job is over, well or with an error."""
        if hasattr(self, "work"):
            keeper.drop((self.work.submission_id, self.work.claim))
        if error is None:
            self.done.set_result(None)
        else:
            self.done.set_exception(error)

    def is_kept(self) -> bool:
        """Whether a reply that can't be recorded now is still worth a wait."""
        patience = _KEEP_WHEN_STOPPING_SECONDS if keeper.stopping else _KEEP_ANSWER_SECONDS
        return time.monotonic() - self._replied <= patience

    def _called(self, running: "Future[Reply]") -> None:
        try:
            self._reply(running.result())
        except CancelledError:
            self._reply(None)
        except Exception as error:  # noqa: BLE001 - it is raised where the job came from
            self.end(error)

    def _reply(self, reply: Reply | None) -> None:
        self._replied = time.monotonic()
        self.ended = Ended(self.work, reply, self._replied - self._began)
        _called.put(self)


def _claim(jobs: Sequence[_Job]) -> None:
    claimed = commit(_start, [job.submission_id for job in jobs])
    if any(isinstance(one, Exception) and is_away(one) for one in claimed):
        # Each of these messages comes back at once.
        keeper.wait_for_stop(_PAUSE_BEFORE_CLAIM_SECONDS)
    for job, work in zip(jobs, claimed, strict=True):
        if isinstance(work, Work):
            job.begin(work)
        else:
            job.end(work)


def _start(connection: Connection, submission_ids: Sequence[str]) -> list[Work | None]:
    return start(connection, submission_ids, f"{socket.gethostname()}:{os.getpid()}")


def _record(jobs: Sequence[_Job]) -> None:
    """Records as soon as Postgres is there; the leases decide what still may be."""
    while jobs:
        waiting = []
        recorded = commit(record, [job.ended for job in jobs])
        for job, outcome in zip(jobs, recorded, strict=True):
            if isinstance(outcome, Work):
                job.call(outcome)
            elif isinstance(outcome, str):
                _say(job.work, outcome)
                job.end()
            elif is_away(outcome) and job.is_kept():
                waiting.append(job)
            else:
                job.end(outcome)
        if waiting:
            time.sleep(_PAUSE_SECONDS)
        jobs = waiting


_taken = Gathered(_claim, "claims", _GATHER_SECONDS)
_called = Gathered(_record, "records", _GATHER_SECONDS)


def _say(work: Work, what: str) -> None:
    _LOG.info(
        "%s %s %s (claim %s) request_id=%s",
        work.task_id,
        work.submission_id,
        what,
        work.claim,
        work.request_id,
    )
