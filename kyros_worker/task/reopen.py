"""Beginning a new run of a task that has ended."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from kyros_worker.bulk import Writes
from kyros_worker.clock import now
from kyros_worker.event.write import NewEvent
from kyros_worker.settings import Role
from kyros_worker.submission.create import (
    NewSubmission,
    add_submission,
    new_submission_row,
    queued_event,
)
from kyros_worker.task.change import change_task, lock_task_in
from kyros_worker.task.escalate import escalated_submission, raised
from kyros_worker.task.states import BEGINNING


def retry_task(connection: Connection, task_id: str, mode: str, request_id: str) -> None:
    """Starts a failed or cancelled task again, from its first role.

    Raises NotFoundError, and ConflictError (409) for a task in another state.
    """
    task = lock_task_in(connection, task_id, mode, ("failed", "cancelled"), "retried")
    reopen(connection, task, task["assignee_role"], request_id, now())


def reopen(
    connection: Connection, task: dict[str, Any], role: Role, request_id: str, at: datetime
) -> str:
    """Begins a new run of a locked final task with a role; gives the submission's id.

    Result, error and end are cleared and the deadline starts anew (design, "What happens to a
    task").
    """
    run = task["run"] + 1
    row = new_submission_row(NewSubmission(task["id"], run, role, task["priority"], request_id), at)
    _reopen(connection, task, row, {}, at, [])
    return str(row["id"])


def reopen_on_premium(
    connection: Connection,
    task: dict[str, Any],
    escalation: Mapping[Any, Any],
    at: datetime,
    told: list[NewEvent],
) -> None:
    """Begins a new run of a locked final task, with the approved escalation's premium pass."""
    row = escalated_submission(task, escalation, task["run"] + 1, at)
    fresh = task | BEGINNING
    changes = raised(fresh, escalation["role"]) | {"escalation_id": None}
    _reopen(connection, task, row, changes, at, told)


def _reopen(
    connection: Connection,
    task: dict[str, Any],
    row: dict[str, Any],
    changes: dict[str, Any],
    at: datetime,
    told: list[NewEvent],
) -> None:
    begun = BEGINNING | {
        "run": row["run"],
        "submission_id": row["id"],
        "deadline_at": at + timedelta(seconds=task["deadline_seconds"]),
    }
    task["request_id"] = row["request_id"]
    writes = Writes()
    add_submission(writes, row)
    change_task(writes, task, at, begun | changes, [*told, "task.progress", queued_event(row)])
    writes.execute(connection)
