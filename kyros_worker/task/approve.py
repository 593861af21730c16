"""What people do with escalations: ask for one, approve it, reject it; and nobody in time."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, select

from kyros_worker.audit.actor import Actor
from kyros_worker.audit.write import write_entry
from kyros_worker.auth.subject import Subject
from kyros_worker.bulk import Writes
from kyros_worker.clock import now
from kyros_worker.cost import spending
from kyros_worker.cost.tables import ModelCall
from kyros_worker.errors import ConflictError, PermissionDeniedError
from kyros_worker.escalation.queries import find_escalation
from kyros_worker.escalation.tables import Escalation
from kyros_worker.escalation.write import (
    SYSTEM,
    add_escalation,
    change_escalation,
    event,
    present,
)
from kyros_worker.settings import Role, current
from kyros_worker.submission.end import end_submission
from kyros_worker.submission.tables import Submission
from kyros_worker.task import ruling
from kyros_worker.task.change import change_task, lock_task, lock_task_in
from kyros_worker.task.escalate import Told, begin_escalated, by_person, park
from kyros_worker.task.follow import end_task, go_on, roles_of
from kyros_worker.task.reopen import reopen_on_premium
from kyros_worker.task.states import FINAL_STATES, STATES
from kyros_worker.task.tables import Task
from kyros_worker.task.workflow import (
    Answer,
    Complete,
    Next,
    as_json,
    best_result,
    from_json,
    premium_target,
)

_STATES = tuple(state for state in STATES if state != "cancelled")


def request_escalation(
    connection: Connection,
    task_id: str,
    subject: Subject,
    *,
    reason: str,
    priority: str | None,
    request_id: str,
) -> dict[str, Any]:
    """Asks for the premium model; gives the escalation.

    What waits for a worker is parked at once, what runs after its current call; a final task opens
    again when it is approved. Within the limits of `[requests]` it is approved at once. Raises
    NotFoundError, and ConflictError (409) for a cancelled task, one that has an open escalation,
    and a role that works on premium already or has no premium model.
    """
    task = lock_task_in(connection, task_id, subject.mode, _STATES, "escalated", Task.title)
    standing = _standing(connection, task)
    target = premium_target(
        roles_of(task, standing["role"]), standing["role"], standing["revision"]
    )
    _refuse_needless(task, target.role)
    at, options = now(), current().configuration.requests
    spent = spending.lock(connection, current().configuration.budgets, [(task, at)])
    estimated = ruling.estimate(task, target.role, _newest_prompt(connection, task))
    row = by_person(
        task,
        target,
        reason=reason,
        priority=priority or task["priority"],
        requested_by=subject.id,
        estimated=estimated,
        four_eyes=options.four_eyes,
        timeout_seconds=options.timeout_seconds,
        on_timeout=options.on_timeout,
        request_id=request_id,
        at=at,
    )
    writes = Writes()
    task |= {"escalation_id": row["id"], "request_id": request_id}
    add_escalation(writes, row)
    told: Told = [event(row)]
    if standing["state"] == "queued" and task["state"] not in FINAL_STATES:
        told += end_submission(connection, task, standing["id"], "superseded", at)
        waiting = Next(standing["role"], standing["revision"])
        row["otherwise"] = as_json(waiting, waiting.role, waiting.revision)
        told += park(task, row)
    change_task(writes, task, at, {}, told)
    writes.execute(connection)
    if ruling.within_limits(options, ruling.budget(task, estimated, spent, at)):
        _approve(connection, task, row["id"], SYSTEM, None, request_id)
    return _shown(connection, row["id"])


def approve_escalation(
    connection: Connection,
    escalation_id: str,
    subject: Subject,
    actor: Actor,
    comment: str | None,
) -> dict[str, Any]:
    """Approves a request; gives the escalation.

    Raises NotFoundError, ConflictError (409) when it was decided before, and
    PermissionDeniedError (403) for who asked, where four eyes are wanted.
    """
    row = find_escalation(connection, escalation_id, subject.mode)
    if row["never_by"] == subject.id:
        raise PermissionDeniedError(
            f"{escalation_id} was asked for by you ({subject.id}): someone else must approve it."
        )
    task = _locked(connection, row)
    _approve(connection, task, escalation_id, subject.id, comment, actor.request_id)
    _write_down(connection, actor, "escalation.approve", row)
    return _shown(connection, escalation_id)


def reject_escalation(
    connection: Connection,
    escalation_id: str,
    subject: Subject,
    actor: Actor,
    comment: str | None,
) -> dict[str, Any]:
    """Rejects a request: its task goes on as it would have without; gives the escalation.

    Raises NotFoundError, and ConflictError (409) when it was decided before.
    """
    row = find_escalation(connection, escalation_id, subject.mode)
    task = _locked(connection, row)
    _reject(connection, task, escalation_id, subject.id, comment, actor.request_id)
    _write_down(connection, actor, "escalation.reject", row)
    return _shown(connection, escalation_id)


def expire_escalation(connection: Connection, escalation_id: str, task_id: str) -> None:
    """Decides a request that nobody decided in time, as its rule has it."""
    task = lock_task(connection, task_id)
    query = select(Escalation.on_timeout, Escalation.status, Escalation.due_at)
    row = connection.execute(query.where(Escalation.id == escalation_id)).one()
    if task is None or row.status != "requested" or row.due_at > now():
        return
    best = None
    if row.on_timeout == "accept_best" and task["state"] == "awaiting_approval":
        best = _best(connection, task)
    comment = "Nobody decided in time"
    comment += "." if best is None else ": the best answer so far is the result."
    _reject(connection, task, escalation_id, SYSTEM, comment, None, best)


def _approve(
    connection: Connection,
    task: dict[str, Any],
    escalation_id: str,
    decided_by: str,
    comment: str | None,
    request_id: str | None,
) -> None:
    at = now()
    row = _decide(connection, escalation_id, "approved", decided_by, comment, request_id, at)
    task["request_id"] = row["request_id"]
    if task["state"] in FINAL_STATES:
        reopen_on_premium(connection, task, row, at, [event(row)])
        return
    writes, told = Writes(), Told([event(row)])
    if task["state"] == "awaiting_approval":
        told += begin_escalated(writes, task, row, at)
    # What runs is let end its call: its record goes on from here.
    change_task(writes, task, at, {}, told)
    writes.execute(connection)


def _reject(
    connection: Connection,
    task: dict[str, Any],
    escalation_id: str,
    decided_by: str,
    comment: str | None,
    request_id: str | None,
    best: Complete | None = None,
) -> None:
    at = now()
    row = _decide(connection, escalation_id, "rejected", decided_by, comment, request_id, at)
    task |= {"escalation_id": None, "request_id": row["request_id"]}
    writes, told = Writes(), Told([event(row)])
    if task["state"] == "awaiting_approval":
        otherwise = best or from_json(row["otherwise"])
        if isinstance(otherwise, Next):
            told += go_on(writes, task, otherwise, row["request_id"], at)
        else:
            told += end_task(writes, task, otherwise, at)
    change_task(writes, task, at, {}, told)
    writes.execute(connection)


def _decide(
    connection: Connection,
    escalation_id: str,
    status: str,
    decided_by: str,
    comment: str | None,
    request_id: str | None,
    at: datetime,
) -> RowMapping:
    # The work that follows is done for the request that decided it.
    on_behalf = {} if request_id is None else {"request_id": request_id}
    row = change_escalation(
        connection,
        escalation_id,
        "requested",
        status=status,
        decided_by=decided_by,
        decided_at=at,
        comment=comment,
        **on_behalf,
    )
    if row is None:
        query = select(Escalation.status).where(Escalation.id == escalation_id)
        standing = connection.execute(query).scalar_one()
        raise ConflictError(
            f"{escalation_id} is {standing}: it can't be {status}.", code="wrong_state"
        )
    return row


def _write_down(connection: Connection, actor: Actor, action: str, row: Mapping[Any, Any]) -> None:
    write_entry(connection, actor, action, row["id"], mode=row["mode"], task_id=row["task_id"])


def _locked(connection: Connection, row: Mapping[Any, Any]) -> dict[str, Any]:
    task = lock_task(connection, row["task_id"])
    assert task is not None, "an escalation's task is there"
    return task


def _shown(connection: Connection, escalation_id: str) -> dict[str, Any]:
    query = select(*Escalation.__table__.columns).where(Escalation.id == escalation_id)
    return present(connection.execute(query).mappings().one())


def _refuse_needless(task: dict[str, Any], role: Role) -> None:
    """Raises ConflictError where the premium model is asked for already, or there, or nowhere."""
    task_id, why = task["id"], None
    if task["escalation_id"] is not None:
        why = f"{task_id} has an open escalation, {task['escalation_id']}."
    elif role in (task["premium_roles"] or ()) and task["state"] not in FINAL_STATES:
        why = f"The {role} works on {task_id} with the premium model already."
    elif ruling.premium_model(role, task["mode"]) is None:
        why = f"No premium model is configured for the {role}: name one in KYROS_CONFIG."
    if why is not None:
        raise ConflictError(why, code="wrong_state")


def _standing(connection: Connection, task: dict[str, Any]) -> RowMapping:
    query = select(Submission.id, Submission.role, Submission.revision, Submission.state)
    return connection.execute(query.where(Submission.id == task["submission_id"])).mappings().one()


def _newest_prompt(connection: Connection, task: dict[str, Any]) -> str:
    """What a call of the task was asked last; its title, where there was none yet."""
    query = select(ModelCall.prompt).where(ModelCall.task_id == task["id"])
    found = connection.execute(query.order_by(ModelCall.id.desc()).limit(1)).scalar()
    return found or str(task["title"])


def _best(connection: Connection, task: dict[str, Any]) -> Complete | None:
    """The task's best answer in this run as its result; None where there is none."""
    query = (
        select(Submission.role, Submission.revision, Submission.answer)
        .where(
            Submission.task_id == task["id"],
            Submission.run == task["run"],
            Submission.state == "completed",
        )
        .order_by(Submission.id)
    )
    passes: Sequence[tuple[Role, int, Answer]] = [
        (row.role, row.revision, row.answer) for row in connection.execute(query)
    ]
    first: Role = task["assignee_role"]
    return best_result(task["type"], roles_of(task, first), passes)
