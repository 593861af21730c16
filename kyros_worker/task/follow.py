"""Carrying out what follows on a locked task, by whomever it was decided."""

from datetime import datetime
from typing import Any

from kyros_worker.bulk import Writes
from kyros_worker.cost.ledger import accept_answers
from kyros_worker.settings import Role, current
from kyros_worker.submission.create import (
    NewSubmission,
    add_submission,
    new_submission_row,
    queued_event,
)
from kyros_worker.task.escalate import Told, tier_of
from kyros_worker.task.states import completed, failed, going_on, stage
from kyros_worker.task.workflow import (
    MAX_REVISIONS,
    Complete,
    Fail,
    Next,
    percentage,
    roles_for,
)


def roles_of(task: dict[str, Any], role: Role) -> tuple[Role, ...]:
    """The roles of the way on which `role` works at the task."""
    workflows = current().configuration.workflows
    return roles_for(workflows, task["type"], task["assignee_role"], role)


def go_on(
    writes: Writes, task: dict[str, Any], following: Next, request_id: str, at: datetime
) -> Told:
    """Queues the next role's pass, on the tier that the role works on in this run."""
    role = following.role
    new = NewSubmission(
        task_id=task["id"],
        run=task["run"],
        role=role,
        priority=task["priority"],
        request_id=request_id,
        revision=following.revision,
        tier=tier_of(task, role),
    )
    row = new_submission_row(new, at)
    add_submission(writes, row)
    again = f", revision {following.revision} of {MAX_REVISIONS}" if _revises(following) else ""
    task |= going_on(task) | stage(role, f"Waiting for the {role}{again}.")
    done = percentage(roles_of(task, role), role, task["progress_percentage"])
    task |= {"submission_id": row["id"], "progress_percentage": done}
    return ["task.progress", queued_event(row)]


def end_task(
    writes: Writes,
    task: dict[str, Any],
    end: Complete | Fail,
    at: datetime,
    last_call: tuple[str, Role] | None = None,
) -> Told:
    """Completes or fails the task.

    `last_call` is the id and the role of the call that completes it, which is settled as accepted;
    None where all calls were settled before.
    """
    if isinstance(end, Fail):
        task |= failed(end.error, at)
        return ["task.failed"]
    call_id, role = last_call or ("", "")
    if last_call is None or task["run"] > 1 or len(roles_of(task, last_call[1])) > 1:
        accept_answers(writes, task["id"], task["run"], call_id, role)
    task |= completed(end.result, at)
    return ["task.completed"]


def _revises(following: Next) -> bool:
    return following.role == "implementer" and 0 < following.revision <= MAX_REVISIONS
