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
from typing import Literal

from sqlalchemy import Connection

from kyros_worker import event_loop as loop
from kyros_worker.agent.ask import Reply, ask
from kyros_worker.database import is_away
from kyros_worker.gathered import Gathered
from kyros_worker.group_commit import commit
from kyros_worker.log import FACTS
from kyros_worker.submission.lease import keeper
from kyros_worker.task.record import Ended, Outcome, record
from kyros_worker.task.start import Work, start

_LOG = logging.getLogger(__name__)
_PAUSE_SECONDS = 0.5
_PAUSE_BEFORE_CLAIM_SECONDS = 1.0
_GATHER_SECONDS = 0.03
#: An answer is kept so long while Postgres is away; its crash recovery may take a minute.
_KEEP_ANSWER_SECONDS = 150
#: A worker that was told to stop is killed after twelve seconds; its lease runs out by itself.
_KEEP_WHEN_STOPPING_SECONDS = 5


#: What became of a message; nothing to do is what a second message of a submission finds.
Done = Outcome | Literal["nothing to do"]


def perform(submission_id: str) -> Done:
    """Works on a submission, if it waits to be worked on, and waits for its end.

    Raises StoppingError, or the database's error when Postgres is away before the claim, so that
    the message goes back to the broker.
    """
    return take(submission_id).result()


def take(submission_id: str) -> Future[Done]:
    """Begins to work on a submission; the future ends as `perform` does."""
    job = _Job(submission_id)
    if keeper.stopping:
        job.fail(StoppingError())
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
        self.done: Future[Done] = Future()
        self._taken = time.monotonic()
        self._lock = threading.Lock()
        self._aborted = False
        self._call: loop.Running[Reply] | None = None

    def begin(self, work: Work) -> None:
        """The submission is claimed."""
        self.work = work
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

    def end(self, outcome: Outcome) -> None:
        """The job is over, and recorded."""
        keeper.drop((self.work.submission_id, self.work.claim))
        self._tell(outcome)
        self.done.set_result(outcome)

    def fail(self, error: BaseException) -> None:
        """The job can't go on here."""
        named = _named(self.work) if hasattr(self, "work") else {}
        told_of = {"submission_id": self.submission_id, **named}
        if is_away(error):
            _LOG.warning("A submission waits: Postgres is away.", extra=told_of)
        elif not isinstance(error, StoppingError):
            _LOG.error("A submission could not be worked on.", exc_info=error, extra=told_of)
        if hasattr(self, "work"):
            keeper.drop((self.work.submission_id, self.work.claim))
            self._tell("interrupted")
        self.done.set_exception(error)

    def is_kept(self) -> bool:
        """Whether a reply that can't be recorded now is still worth a wait."""
        patience = _KEEP_WHEN_STOPPING_SECONDS if keeper.stopping else _KEEP_ANSWER_SECONDS
        return time.monotonic() - self._replied <= patience

    def _tell(self, outcome: Outcome | Literal["interrupted"]) -> None:
        """Writes the line of a job."""
        FACTS.info(
            "submission",
            outcome=outcome,
            error_kind=_error_kind(self.ended.reply) if hasattr(self, "ended") else None,
            duration_ms=round((time.monotonic() - self._taken) * 1000, 1),
            priority=self.work.brief.priority,
            claim=self.work.claim,
            **_named(self.work),
        )

    def _called(self, running: "Future[Reply]") -> None:
        try:
            self._reply(running.result())
        except CancelledError:
            self._reply(None)
        except Exception as error:  # noqa: BLE001 - it is raised where the job came from
            self.fail(error)

    def _reply(self, reply: Reply | None) -> None:
        self._replied = time.monotonic()
        self.ended = Ended(self.work, reply, self._replied - self._began)
        _tell_call(self.ended)
        _called.put(self)


def _claim(jobs: Sequence[_Job]) -> None:
    claimed = commit(_start, [job.submission_id for job in jobs])
    if any(isinstance(one, Exception) and is_away(one) for one in claimed):
        # Each of these messages comes back at once.
        keeper.wait_for_stop(_PAUSE_BEFORE_CLAIM_SECONDS)
    for job, work in zip(jobs, claimed, strict=True):
        if isinstance(work, Work):
            job.begin(work)
        elif work is None:
            job.done.set_result("nothing to do")
        else:
            job.fail(work)


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
                job.end(outcome)
            elif is_away(outcome) and job.is_kept():
                waiting.append(job)
            else:
                job.fail(outcome)
        if waiting:
            time.sleep(_PAUSE_SECONDS)
        jobs = waiting


_taken = Gathered(_claim, "claims", _GATHER_SECONDS)
_called = Gathered(_record, "records", _GATHER_SECONDS)


def _tell_call(ended: Ended) -> None:
    """Writes the line of a call: of one that failed always, without the provider's words."""
    kind = _error_kind(ended.reply)
    tell = FACTS.debug if kind is None else FACTS.warning
    tell(
        "call",
        outcome="aborted" if ended.reply is None else "failed" if kind else "completed",
        error_kind=kind,
        duration_ms=round(ended.latency_seconds * 1000, 1),
        call_id=ended.work.call_id,
        **_named(ended.work),
    )


def _error_kind(reply: Reply | None) -> str | None:
    return reply.failure.kind if reply is not None and reply.failure is not None else None


def _named(work: Work) -> dict[str, str]:
    return {
        "role": work.brief.role,
        "tier": work.brief.tier,
        "model": f"{work.model.provider}:{work.model.name}",
        "task_id": work.task_id,
        "submission_id": work.submission_id,
        "request_id": work.request_id,
    }
