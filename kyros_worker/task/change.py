"""The only way a task changes: under its lock, with its events, in one transaction."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import ColumnElement, Connection, Select, select

from kyros_worker.auth.queries import OWN_BUDGET
from kyros_worker.auth.tables import ApiKey
from kyros_worker.bulk import Writes, updating
from kyros_worker.errors import ConflictError
from kyros_worker.event.write import NEW_EVENTS, TASK_CHANNEL, NewEvent, event_row
from kyros_worker.ids import is_id
from kyros_worker.prepared import PREPARED
from kyros_worker.task import present
from kyros_worker.task.queries import no_such_task
from kyros_worker.task.states import State
from kyros_worker.task.tables import Task
from kyros_worker.task.tell import is_public, tell_webhooks

TaskEvent = Literal[
    "task.created", "task.started", "task.progress", "task.completed", "task.failed",
    "task.cancelled",
]  # fmt: skip


def lock_task(connection: Connection, task_id: str, *columns: Any) -> dict[str, Any] | None:
    """Locks a task until the transaction ends and gives its changing columns, and `columns`."""
    query = locking(Task.id == task_id, *columns)
    return lock_tasks(connection, query).get(task_id)


def locking(which: ColumnElement[bool], *columns: Any) -> Select[*tuple[Any, ...]]:
    """The query for `lock_tasks`: these tasks, their changing columns and `columns`.

    With them comes the own budget of the key that made the task, which its calls count to.

    A task's lock is taken before any row of its submissions is touched, and several in the order
    of their ids, by everybody: so no two transactions wait for each other.
    """
    query = select(*present.CHANGING, *OWN_BUDGET, *columns).where(which).order_by(Task.id)
    with_key = query.outerjoin_from(Task, ApiKey, ApiKey.id == Task.created_by)
    return with_key.with_for_update(of=Task).execution_options(**PREPARED)


def lock_tasks(
    connection: Connection, query: Select[*tuple[Any, ...]], **parameters: Any
) -> dict[str, dict[str, Any]]:
    """Locks tasks until the transaction ends; gives what the query asks for, by the task's id."""
    return {row["id"]: dict(row) for row in connection.execute(query, parameters).mappings()}


def lock_task_in(
    connection: Connection,
    task_id: str,
    mode: str,
    states: Collection[State],
    verb: str,
    *columns: Any,
) -> dict[str, Any]:
    """Locks a task of the caller's mode that is in one of these states.

    Raises NotFoundError (404), or ConflictError (409) that says the state in which it can't be
    `verb`: "cancelled", "retried".
    """
    task = lock_task(connection, task_id, *columns) if is_id("task", task_id) else None
    if task is None or task["mode"] != mode:
        raise no_such_task(task_id)
    if task["state"] not in states:
        raise ConflictError(
            f"{task_id} is {task['state']}: it can't be {verb}.", code="wrong_state"
        )
    return task


def change_task(
    writes: Writes,
    task: dict[str, Any],
    at: datetime,
    changes: dict[str, Any],
    events: Sequence[NewEvent | TaskEvent],
) -> None:
    """Applies changes to a locked task, in `task` too, and writes what happened, in order.

    A `task.*` event is given by its type alone and holds the task as it is after the changes.
    What begins on another request's behalf than the work before has that `request_id` in `task`.
    """
    first = task["last_seq"] + 1
    task |= changes | {"updated_at": at, "last_seq": task["last_seq"] + len(events)}
    snapshot = present.changing(task)
    told = [event if isinstance(event, NewEvent) else NewEvent(event, snapshot) for event in events]
    rows = [event_row(task["id"], seq, event, at) for seq, event in enumerate(told, start=first)]
    writes.add(NEW_EVENTS, *rows)
    public = [row for row in rows if is_public(row["type"])]
    writes.complete(tell_webhooks, *((task["mode"], task.get("request_id"), row) for row in public))
    writes.notify(TASK_CHANNEL, task["id"])
    keep_task(writes, task)


def write_change(
    connection: Connection,
    task: dict[str, Any],
    at: datetime,
    changes: dict[str, Any],
    events: Sequence[NewEvent | TaskEvent],
) -> None:
    """`change_task` where nothing else is written."""
    writes = Writes()
    change_task(writes, task, at, changes, events)
    writes.execute(connection)


def keep_task(writes: Writes, task: dict[str, Any]) -> None:
    """Writes a locked task as it is when the transaction ends; a second time changes nothing."""
    writes.add_once(_CHANGED, task)


_CHANGED = updating("tasks", Task, [
    "state", "progress_percentage", "progress_stage", "progress_message", "result", "error",
    "cost_usd", "unpriced_calls", "model_tier", "escalated", "escalation_id",
    "premium_roles", "asked_roles", "submission_id", "run", "last_seq", "deadline_at",
    "budget_lifted", "budget_wait_seconds", "started_at", "completed_at", "updated_at",
])  # fmt: skip
