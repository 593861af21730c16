"""Submitting a task to a role with more context (contract, "Agents")."""

from typing import Any

from sqlalchemy import Connection, RowMapping, select, update

from kyros_worker.bulk import Writes
from kyros_worker.clock import now
from kyros_worker.errors import FieldError, InvalidError, NotFoundError
from kyros_worker.event.write import NewEvent
from kyros_worker.settings import ROLES, Role
from kyros_worker.submission.create import (
    NewSubmission,
    add_submission,
    new_submission_row,
    queued_event,
    summary,
)
from kyros_worker.submission.end import end_submission
from kyros_worker.submission.tables import Submission
from kyros_worker.task.change import change_task, lock_task_in, write_change
from kyros_worker.task.context import joined
from kyros_worker.task.escalate import close_open, tier_of
from kyros_worker.task.reopen import reopen
from kyros_worker.task.states import FINAL_STATES, STATES, going_on, stage
from kyros_worker.task.tables import Task


def known_role(name: str) -> Role:
    """The role of that name; raises NotFoundError (404)."""
    for role in ROLES:
        if role == name:
            return role
    raise NotFoundError(f"There is no agent {name[:64]}; the roles are {', '.join(ROLES)}.")


def submit_task(
    connection: Connection,
    task_id: str,
    role: Role,
    context: dict[str, Any],
    *,
    mode: str,
    request_id: str,
) -> dict[str, Any]:
    """Has a role work on a task, with this context beside what the task had before.

    A submission of the same role that has not started is joined; one that runs is superseded; for
    another role the workflow goes on from there; a final task opens again. Raises NotFoundError,
    and InvalidError when the contexts are too large together.
    """
    task = lock_task_in(connection, task_id, mode, STATES, "submitted", Task.context)
    together = _joined(task["context"], context)
    connection.execute(update(Task).where(Task.id == task_id).values(context=together))
    if task["state"] in FINAL_STATES:
        submission_id = reopen(connection, task, role, request_id, now())
    else:
        standing = _current(connection, task)
        if standing["role"] == role and standing["state"] == "queued":
            submission_id = _join(connection, task, standing)
        else:
            submission_id = _supersede(connection, task, standing, role, request_id)
    return {"submission_id": submission_id, "task_id": task_id, "role": role, "status": "queued"}


def _joined(before: dict[str, Any], added: dict[str, Any]) -> dict[str, Any]:
    try:
        return joined(before, added)
    except ValueError as error:
        sentence = f"context with what the task has already: {error}."
        raise InvalidError(sentence, details=[FieldError("context", str(error))]) from None


def _current(connection: Connection, task: dict[str, Any]) -> RowMapping:
    query = select(*Submission.__table__.columns).where(Submission.id == task["submission_id"])
    return connection.execute(query).mappings().one()


def _join(connection: Connection, task: dict[str, Any], standing: RowMapping) -> str:
    write_change(connection, task, now(), {}, [NewEvent("submission.joined", summary(standing))])
    return str(standing["id"])


def _supersede(
    connection: Connection,
    task: dict[str, Any],
    standing: RowMapping,
    role: Role,
    request_id: str,
) -> str:
    at = now()
    ended = end_submission(connection, task, standing["id"], "superseded", at)
    if task["state"] == "awaiting_approval":
        ended += close_open(connection, task, at)
    new = NewSubmission(
        task_id=task["id"],
        run=task["run"],
        role=role,
        priority=task["priority"],
        request_id=request_id,
        revision=standing["revision"],
        tier=tier_of(task, role),
    )
    row = new_submission_row(new, at)
    task["request_id"] = request_id
    writes = Writes()
    add_submission(writes, row)
    waiting = stage(role, f"Waiting for the {role}, with more context.")
    changes = {"submission_id": row["id"], **waiting, **going_on(task)}
    change_task(writes, task, at, changes, [*ended, "task.progress", queued_event(row)])
    writes.execute(connection)
    return str(row["id"])
