"""Ending a task from outside: cancelled by its owner, superseded, or past its deadline."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from kyros_worker.clock import now
from kyros_worker.event.write import NewEvent
from kyros_worker.submission.end import end_submission
from kyros_worker.task.change import lock_task, lock_task_in, write_change
from kyros_worker.task.escalate import close_open
from kyros_worker.task.states import FINAL_STATES, OPEN_STATES, cancelled, failed


def cancel_task(
    connection: Connection, task_id: str, mode: str, *, request_id: str | None = None
) -> None:
    """Cancels an unfinished task; its running model call is abandoned within two seconds.

    Raises NotFoundError, and ConflictError (409) for a task that is final.
    """
    task = lock_task_in(connection, task_id, mode, OPEN_STATES, "cancelled")
    task["request_id"] = request_id
    _cancel(connection, task, "The task was cancelled.")


def cancel_if_open(connection: Connection, task_id: str, error: str) -> None:
    """Cancels a task with a reason of the system's own, unless it has ended meanwhile."""
    task = lock_task(connection, task_id)
    if task is not None and task["state"] not in FINAL_STATES:
        _cancel(connection, task, error)


def fail_past_deadline(connection: Connection, task_id: str) -> None:
    """Fails a task whose deadline has passed, unless it has ended or begun anew meanwhile."""
    task = lock_task(connection, task_id)
    at = now()
    if task is None or task["state"] in FINAL_STATES or task["deadline_at"] > at:
        return
    events = _end_work(connection, task, at)
    error = f"The deadline passed: the task was not done within {task['deadline_seconds']} s."
    write_change(connection, task, at, failed(error, at), [*events, "task.failed"])


def _cancel(connection: Connection, task: dict[str, Any], error: str) -> None:
    at = now()
    events = _end_work(connection, task, at)
    write_change(connection, task, at, cancelled(error, at), [*events, "task.cancelled"])


def _end_work(connection: Connection, task: dict[str, Any], at: datetime) -> list[NewEvent]:
    """Ends the submission and the open escalation of a task that ends."""
    ended = end_submission(connection, task, task["submission_id"], "cancelled", at)
    return [*ended, *close_open(connection, task, at)]
