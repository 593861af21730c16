"""Creating tasks: each with its first submission and its first event, in one transaction."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, func, select

from kyros_worker.auth.subject import Subject
from kyros_worker.bulk import Writes, as_rows, inserting, joined, together
from kyros_worker.clock import now
from kyros_worker.errors import FieldError, InvalidError
from kyros_worker.event.write import NEW_EVENTS, NewEvent, event_row
from kyros_worker.group_commit import GroupCommit
from kyros_worker.ids import new_id
from kyros_worker.model import steering
from kyros_worker.model.catalog import choose
from kyros_worker.settings import current
from kyros_worker.submission.create import (
    NEW_SUBMISSIONS,
    QUEUE_CHANNEL,
    NewSubmission,
    new_submission_row,
    queued_event,
)
from kyros_worker.task import present
from kyros_worker.task.cancel import cancel_if_open
from kyros_worker.task.schemas import DEADLINE_SECONDS, NewTask
from kyros_worker.task.states import BEGINNING, OPEN_STATES
from kyros_worker.task.tables import Task
from kyros_worker.task.tell import fact_of, is_public
from kyros_worker.task.workflow import first_role, roles_for
from kyros_worker.webhook.fan_out import add_deliveries, find_subscribers

#: As many wrong fields as an answer lists.
_MOST_LISTED = 1000


@dataclass(frozen=True)
class _New:
    """What is to be written, and how much it is: each list of rows as the text of its rows."""

    tasks: list[dict[str, Any]]
    events: list[dict[str, Any]]
    request_id: str
    written: dict[str, str]
    size: int


def create_task(new: NewTask, subject: Subject, request_id: str) -> dict[str, Any]:
    """Creates one task, in one commit with those that others create at this moment.

    Raises InvalidError (422) as `create_tasks` does. Not for a task with a dedupe key.
    """
    assert new.dedupe_key is None, "keys are locked by who creates them"
    made = _rows({"": new}, subject, request_id)
    _together.add(made, made.size)
    return present.task(made.tasks[0])


def create_tasks(
    connection: Connection,
    new_tasks: Sequence[NewTask],
    subject: Subject,
    request_id: str,
    place: str = "tasks[{}].",
) -> list[dict[str, Any]]:
    """Creates tasks, all or none, and gives them in the order sent.

    `place` is how a wrong field of a task is named, by the task's index. Raises InvalidError (422)
    for what only shows beside the configuration and the caller's mode.
    """
    placed = {place.format(index): new for index, new in enumerate(new_tasks)}
    made = _rows(placed, subject, request_id)
    keys = {row["dedupe_key"]: row["id"] for row in made.tasks if row["dedupe_key"] is not None}
    _lock_keys(connection, subject.mode, sorted(keys))
    _write(connection, [made])
    superseded = _supersede(connection, subject.mode, keys)
    return [present.task(superseded.get(row["id"], row)) for row in made.tasks]


def _rows(new_tasks: Mapping[str, NewTask], subject: Subject, request_id: str) -> _New:
    """The rows of tasks that are given by their place in the request."""
    at = now()
    tasks = [_task_row(new, subject, at) for new in new_tasks.values()]
    _check(dict(zip(new_tasks, tasks, strict=True)))
    submissions = [_first_submission(row, request_id) for row in tasks]
    events: list[dict[str, Any]] = []
    for row, submission in zip(tasks, submissions, strict=True):
        row["submission_id"] = submission["id"]
        told = [NewEvent("task.created", present.changing(row)), queued_event(submission)]
        row["last_seq"] = len(told)
        events += [event_row(row["id"], seq, one, at) for seq, one in enumerate(told, start=1)]
    written = {
        _NEW_TASKS.name: _NEW_TASKS.rows(tasks),
        NEW_SUBMISSIONS.name: NEW_SUBMISSIONS.rows(submissions),
        NEW_EVENTS.name: NEW_EVENTS.rows(events),
    }
    return _New(tasks, events, request_id, written, sum(map(len, written.values())))


#: The other columns have their defaults.
_NEW_TASKS = inserting("new_tasks", Task, [
    "id", "mode", "title", "description", "type", "priority", "assignee_role",
    "acceptance_criteria", "files_to_modify", "complexity", "metadata", "context",
    "deadline_seconds", "dedupe_key", "created_by", "created_at", "updated_at", "deadline_at",
    "progress_message", "submission_id", "last_seq",
])  # fmt: skip

#: What is written, and how many rows of it for each task.
_KINDS = {_NEW_TASKS: 1, NEW_SUBMISSIONS: 1, NEW_EVENTS: 2}
_WAKE_DISPATCHER = as_rows([{"channel": QUEUE_CHANNEL, "payload": ""}])


def _write(connection: Connection, news: Sequence[_New]) -> Sequence[None]:
    parameters: dict[str, Any] = {"notices": _WAKE_DISPATCHER}
    count = sum(len(new.tasks) for new in news)
    for kind, each in _KINDS.items():
        rows = joined(new.written[kind.name] for new in news)
        parameters |= kind.parameters(rows, count * each)
    connection.execute(together(*_KINDS), parameters)
    _tell_webhooks(connection, news)
    return [None] * len(news)


def _tell_webhooks(connection: Connection, news: Sequence[_New]) -> None:
    subscribers = find_subscribers(connection)
    if not any(one.wants("task.created", None) for one in subscribers):
        return
    writes = Writes()
    tasks = {row["id"]: row for new in news for row in new.tasks}
    fixed = {task_id: present.fixed(row) for task_id, row in tasks.items()}
    facts = [
        (fact_of(event, fixed, new.request_id), tasks[event["task_id"]]["mode"])
        for new in news
        for event in new.events
        if is_public(event["type"])
    ]
    add_deliveries(writes, subscribers, facts)
    writes.execute(connection)


_together = GroupCommit(_write)


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
        "unpriced_calls": 0,
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
