"""Reading tasks. The caller's mode is part of every question: the other mode's do not exist."""

import re
from collections.abc import Iterator
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    RowMapping,
    Select,
    false,
    func,
    literal_column,
    select,
)

from kyros_worker import cursor
from kyros_worker.clock import rfc3339
from kyros_worker.errors import NotFoundError
from kyros_worker.event.queries import events_after
from kyros_worker.ids import id_ceiling, id_floor, is_id
from kyros_worker.task import present
from kyros_worker.task.schemas import TaskFilter
from kyros_worker.task.states import STATUS_OF
from kyros_worker.task.tables import SEARCHED, Task

_STATUS = (
    Task.id, Task.state, Task.progress_percentage, Task.progress_stage, Task.progress_message,
    Task.updated_at, Task.last_seq,
)  # fmt: skip
#: All but the context for the models, which nobody is shown and which may be 1.5 MiB.
_SHOWN = tuple(dict.fromkeys((*present.FIXED, *present.CHANGING)))

#: What a cursor of a timeline holds: the number of an event.
_SEQ = re.compile(r"\d{1,9}", re.ASCII)


def no_such_task(task_id: str) -> NotFoundError:
    """404 with the `data` on which the guide's polling loops end (contract, "Conventions")."""
    sentence = f"There is no task {task_id[:64]}."
    return NotFoundError(sentence, data={"status": "failed", "error": sentence})


def get_task(connection: Connection, task_id: str, mode: str) -> dict[str, Any]:
    """The full task; raises NotFoundError."""
    query = select(*_SHOWN).where(Task.id == task_id, Task.mode == mode)
    return present.task(_found(connection, query, task_id))


def get_status(connection: Connection, task_id: str, mode: str) -> dict[str, Any]:
    """The small answer that polling reads; raises NotFoundError."""
    return present.status(get_standing(connection, task_id, mode))


def get_standing(connection: Connection, task_id: str, mode: str) -> RowMapping:
    """State, progress and the number of the newest event; raises NotFoundError."""
    query = select(*_STATUS).where(Task.id == task_id, Task.mode == mode)
    return _found(connection, query, task_id)


def get_fixed(connection: Connection, task_id: str, mode: str) -> dict[str, Any]:
    """The part of a task that never changes, from which its events are made whole."""
    query = select(*present.FIXED).where(Task.id == task_id, Task.mode == mode)
    return present.fixed(_found(connection, query, task_id))


def timeline_after(
    connection: Connection, fixed: dict[str, Any], seq: int, limit: int
) -> list[dict[str, Any]]:
    """What happened to a task after `seq`, oldest first; `task.*` items hold the full task."""
    return [
        {
            "seq": event["seq"],
            "id": event["id"],
            "type": event["type"],
            "created_at": rfc3339(event["created_at"]),
            "data": present.whole(fixed, event["data"])
            if event["type"].startswith("task.")
            else event["data"],
        }
        for event in events_after(connection, fixed["id"], seq, limit)
    ]


def get_timeline(
    connection: Connection, task_id: str, mode: str, page: str | None, limit: int
) -> dict[str, Any]:
    """One page of a timeline, oldest first; raises NotFoundError, and InvalidError for a cursor."""
    scope = f"timeline {task_id}"
    seq = int(cursor.decode(page, scope, _SEQ)) if page else 0
    fixed = get_fixed(connection, task_id, mode)
    events = timeline_after(connection, fixed, seq, limit + 1)
    more = len(events) > limit
    events = events[:limit]
    next_page = cursor.encode(str(events[-1]["seq"]), scope) if more else None
    return {"events": events, "next_cursor": next_page, "has_more": more}


def list_tasks(connection: Connection, mode: str, wanted: TaskFilter) -> dict[str, Any]:
    """One page of tasks, newest first; raises InvalidError for a cursor that is not of this list.

    An id begins with its time of creation, so the order, the cursor and the bounds of time are all
    the primary key's: rows added while a reader pages are never between those it has yet to see.
    """
    scope = list_scope(mode, wanted)
    conditions = list(_conditions(wanted))
    if wanted.cursor is not None:
        conditions.append(Task.id < cursor.decode(wanted.cursor, scope))
    query = (
        select(*_SHOWN)
        .where(Task.mode == mode, *conditions)
        .order_by(Task.id.desc())
        .limit(wanted.limit + 1)
    )
    found = [present.task(row) for row in connection.execute(query).mappings()]
    return cursor.page("tasks", found, wanted.limit, scope)


def list_scope(mode: str, wanted: TaskFilter) -> str:
    """What makes a list another one, whose cursors are its own: the mode and the filters."""
    return f"tasks {mode} {wanted.model_dump_json(exclude={'cursor', 'limit'})}"


def _conditions(wanted: TaskFilter) -> Iterator[ColumnElement[bool]]:
    for column in (Task.state, Task.type, Task.priority, Task.assignee_role):
        value = getattr(wanted, column.key)
        if value is not None:
            yield column == value
    if wanted.state is None:
        if wanted.status is not None:
            yield Task.status == wanted.status
    elif wanted.status not in (None, STATUS_OF[wanted.state]):
        # Both lists may be long: Postgres would read one to its end to find that none is in both.
        yield false()
    if wanted.created_after is not None:
        yield Task.id > id_ceiling("task", wanted.created_after)
    if wanted.created_before is not None:
        yield Task.id < id_floor("task", wanted.created_before)
    if wanted.q is not None:
        words = func.websearch_to_tsquery(literal_column("'simple'::regconfig"), wanted.q)
        yield SEARCHED.bool_op("@@")(words)


def _found(connection: Connection, query: Select[*tuple[Any, ...]], task_id: str) -> RowMapping:
    row = None
    if is_id("task", task_id):
        row = connection.execute(query).mappings().one_or_none()
    if row is None:
        raise no_such_task(task_id)
    return row
