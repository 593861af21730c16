"""A new submission, written in the transaction that makes it necessary."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, select

from kyros_worker.bulk import Writes, inserting
from kyros_worker.event.write import NewEvent
from kyros_worker.ids import new_id
from kyros_worker.queue.names import PRIORITIES, Priority
from kyros_worker.settings import Role
from kyros_worker.submission.tables import Submission

#: The channel on which Postgres tells the dispatcher that a submission waits to be published.
QUEUE_CHANNEL = "kyros_queue"

#: The other columns have their defaults: it is queued, and due at once.
NEW_SUBMISSIONS = inserting(
    "submissions",
    Submission,
    [
        "id",
        "task_id",
        "run",
        "role",
        "tier",
        "revision",
        "priority",
        "escalation_id",
        "request_id",
        "created_at",
    ],
)


@dataclass(frozen=True)
class NewSubmission:
    """A pass to be made: which role, in which run of which task, on whose request."""

    task_id: str
    run: int
    role: Role
    priority: Priority
    request_id: str
    revision: int = 0
    tier: str = "economy"
    #: The escalation that it completes, if it is the first premium pass of one.
    escalation_id: str | None = None


def new_submission_row(new: NewSubmission, at: datetime) -> dict[str, Any]:
    """The row of a new submission, due at once."""
    return {
        "id": new_id("sub", at),
        "task_id": new.task_id,
        "run": new.run,
        "role": new.role,
        "tier": new.tier,
        "revision": new.revision,
        "priority": PRIORITIES.index(new.priority),
        "escalation_id": new.escalation_id,
        "request_id": new.request_id,
        "created_at": at,
    }


def add_submission(writes: Writes, row: dict[str, Any]) -> None:
    """Writes a submission; the dispatcher hears of it when the transaction commits."""
    writes.add(NEW_SUBMISSIONS, row)
    writes.notify(QUEUE_CHANNEL)


def wake_dispatcher(connection: Connection) -> None:
    """Tells the dispatcher, at commit, that something can be published."""
    connection.execute(select(func.pg_notify(QUEUE_CHANNEL, "")))


def queued_event(row: dict[str, Any]) -> NewEvent:
    """What a timeline tells of a new submission."""
    return NewEvent("submission.queued", summary(row))


def summary(row: Any) -> dict[str, Any]:
    """A submission as a timeline names it."""
    return {
        "submission_id": row["id"],
        "role": row["role"],
        "tier": row["tier"],
        "revision": row["revision"],
    }
