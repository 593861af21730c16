"""The only way a task changes: under its lock, with its events, in one transaction."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, RowMapping, select, update

from kyros_worker.errors import ConflictError
from kyros_worker.event.write import NewEvent, write_events
from kyros_worker.ids import is_id
from kyros_worker.task import present
from kyros_worker.task.queries import no_such_task
from kyros_worker.task.states import State
from kyros_worker.task.tables import Task

TaskEvent = Literal[
    "task.created", "task.started", "task.progress", "task.completed", "task.failed",
    "task.cancelled",
]  # fmt: skip


def lock_task(connection: Connection, task_id: str, *columns: Any) -> RowMapping | None:
    """Locks a task until the transaction ends and gives its changing columns, and `columns`.

    The task's lock is taken before any row of its submissions is touched, by everybody: so no two
    transactions wait for each other.
    """
    query = select(*present.CHANGING, *columns).where(Task.id == task_id)
    return connection.execute(query.with_for_update()).mappings().one_or_none()


def lock_task_in(
    connection: Connection,
    task_id: str,
    mode: str,
    states: Collection[State],
    verb: str,
    *columns: Any,
) -> RowMapping:
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
    connection: Connection,
    task: Mapping[Any, Any],
    at: datetime,
    changes: dict[str, Any],
    events: Sequence[NewEvent | TaskEvent],
) -> None:
    """Applies changes to a locked task and writes what happened, in order.

    A `task.*` event is given by its type alone and holds the task as it is after the changes.
    """
    snapshot = present.changing({**task, **changes, "updated_at": at})
    written = [
        event if isinstance(event, NewEvent) else NewEvent(event, snapshot) for event in events
    ]
    connection.execute(
        update(Task)
        .where(Task.id == task["id"])
        .values(**changes, updated_at=at, last_seq=task["last_seq"] + len(written))
    )
    write_events(connection, task["id"], task["last_seq"], written, at)
