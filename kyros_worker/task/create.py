"""Creating tasks: each with its first submission and its first event, in one transaction."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, func, insert, select

from kyros_worker.auth.subject import Subject
from kyros_worker.clock import now
from kyros_worker.errors import FieldError, InvalidError
from kyros_worker.event.tables import Event
from kyros_worker.event.write import NewEvent, event_row
from kyros_worker.ids import new_id
from kyros_worker.model import steering
from kyros_worker.model.catalog import choose
from kyros_worker.settings import current
from kyros_worker.submission.create import (
    NewSubmission,
    insert_submissions,
    new_submission_row,
    queued_event,
)
from kyros_worker.task import present
from kyros_worker.task.cancel import cancel_if_open
from kyros_worker.task.schemas import DEADLINE_SECONDS, NewTask
from kyros_worker.task.states import BEGINNING, OPEN_STATES
from kyros_worker.task.tables import Task
from kyros_worker.task.workflow import first_role, roles_for

#: As many wrong fields as an answer lists.
_MOST_LISTED = 1000


def create_task(
    connection: Connection, new: NewTask, subject: Subject, request_id: str
) -> dict[str, Any]:
    """Creates one task; raises InvalidError (422) as `create_tasks` does."""
    return _create(connection, {"": new}, subject, request_id)[0]


def create_tasks(
    connection: Connection, new_tasks: Sequence[NewTask], subject: Subject, request_id: str
) -> list[dict[str, Any]]:
    """Creates tasks, all or none, and gives them in the order sent.

    Raises InvalidError (422) for what only shows beside the configuration and the caller's mode.
    """
    placed = {f"tasks[{index}].": new for index, new in enumerate(new_tasks)}
    return _create(connection, placed, subject, request_id)


def _create(
    connection: Connection, new_tasks: Mapping[str, NewTask], subject: Subject, request_id: str
) -> list[dict[str, Any]]:
    """Creates the tasks, each given by its place in the request."""
    at = now()
    rows = [_task_row(new, subject, at) for new in new_tasks.values()]
    _check(dict(zip(new_tasks, rows, strict=True)))
    submissions = [_first_submission(row, request_id) for row in rows]
    events: list[dict[str, Any]] = []
    for row, submission in zip(rows, submissions, strict=True):
        row["submission_id"] = submission["id"]
        told = [NewEvent("task.created", present.changing(row)), queued_event(submission)]
        row["last_seq"] = len(told)
        events += [event_row(row["id"], seq, one, at) for seq, one in enumerate(told, start=1)]
    keys = {row["dedupe_key"]: row["id"] for row in rows if row["dedupe_key"] is not None}
    _lock_keys(connection, subject.mode, sorted(keys))
    connection.execute(insert(Task), rows)
    insert_submissions(connection, submissions)
    connection.execute(insert(Event), events)
    superseded = _supersede(connection, subject.mode, keys)
    return [present.task(superseded.get(row["id"], row)) for row in rows]


def _task_row(new: NewTask, subject: Subject, at: datetime) -> dict[str, Any]:
    task_type = new.type or "implementation"
    deadline_seconds = new.deadline_seconds or DEADLINE_SECONDS
    return {
        "id": new_id("task", at),
        "mode": subject.mode,
        "title": new.title,
        "description": new.description or "",
        "type": task_type,
        "priority": new.priority or "medium",
        "assignee_role": new.assignee_role
        or first_role(current().configuration.workflows, task_type),
        "acceptance_criteria": new.acceptance_criteria or [],
        "files_to_modify": new.files_to_modify or [],
        "complexity": new.complexity,
        "metadata": new.metadata or {},
        "context": new.context or {},
        "deadline_seconds": deadline_seconds,
        "dedupe_key": new.dedupe_key,
        "created_by": subject.id,
        "created_at": at,
        "updated_at": at,
        "deadline_at": at + timedelta(seconds=deadline_seconds),
        "run": 1,
        "cost_usd": Decimal(0),
        "model_tier": None,
        "escalated": False,
        **BEGINNING,
    }


def _first_submission(row: dict[str, Any], request_id: str) -> dict[str, Any]:
    new = NewSubmission(
        task_id=row["id"],
        run=row["run"],
        role=row["assignee_role"],
        priority=row["priority"],
        request_id=request_id,
    )
    return new_submission_row(new, row["created_at"])


def _check(rows: Mapping[str, dict[str, Any]]) -> None:
    """Refuses what no worker could do: a role without a model, a sandbox wrongly steered."""
    wrong: list[FieldError] = []
    workflows = current().configuration.workflows
    for place, row in rows.items():
        for role in roles_for(workflows, row["type"], row["assignee_role"], row["assignee_role"]):
            choose(role, "economy", row["mode"])
        if row["mode"] == "test":
            wrong += [
                FieldError(place + fault.field, fault.message)
                for fault in steering.check(row["metadata"])
            ]
    if wrong:
        raise InvalidError(f"{wrong[0].field} {wrong[0].message}.", details=wrong[:_MOST_LISTED])


def _lock_keys(connection: Connection, mode: str, keys: list[str]) -> None:
    """Lets two tasks of one key be created one after the other, so that the later one wins."""
    for key in keys:
        number = func.hashtextextended(f"{mode} {key}", 0)
        connection.execute(select(func.pg_advisory_xact_lock(number)))


def _supersede(
    connection: Connection, mode: str, keys: dict[str, str]
) -> dict[str, Mapping[Any, Any]]:
    """Cancels the older unfinished tasks of these keys; gives them as they are then."""
    if not keys:
        return {}
    query = (
        select(Task.id, Task.dedupe_key)
        .where(
            Task.mode == mode,
            Task.dedupe_key.in_(list(keys)),
            Task.state.in_(OPEN_STATES),
            Task.id.not_in(list(keys.values())),
        )
        .order_by(Task.id)
    )
    older = {row.id: keys[row.dedupe_key] for row in connection.execute(query)}
    for task_id, newer in older.items():
        cancel_if_open(connection, task_id, f"superseded by {newer}")
    rows = connection.execute(select(Task).where(Task.id.in_(list(older)))).mappings()
    return {row["id"]: row for row in rows}
