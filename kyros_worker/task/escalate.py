"""Going to the premium tier: at once, or parked until a person decides.

Every function changes a locked task through `Writes`, and gives what a timeline tells of it; the
caller writes the task.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection

from kyros_worker.bulk import Writes
from kyros_worker.cost.limits import Refusal
from kyros_worker.decide import Verdict
from kyros_worker.escalation.write import (
    SYSTEM,
    change_escalation,
    event,
    find_escalations,
)
from kyros_worker.event.write import NewEvent
from kyros_worker.ids import new_id
from kyros_worker.queue.names import PRIORITIES
from kyros_worker.settings import Role
from kyros_worker.submission.create import (
    NewSubmission,
    add_submission,
    new_submission_row,
    queued_event,
)
from kyros_worker.task.change import TaskEvent
from kyros_worker.task.states import awaiting_approval, going_on, stage
from kyros_worker.task.workflow import Fail, Next, as_json

#: The rule's name of a question about a task's own budget; no rule of the file may have it.
TASK_BUDGET = "task-budget"
_BUDGET_TIMEOUT_SECONDS = 14_400

Told = list[NewEvent | TaskEvent]
Row = dict[str, Any]


def tier_of(task: Mapping[Any, Any], role: Role) -> str:
    """The tier on which a role works for the rest of this run."""
    return "premium" if role in (task["premium_roles"] or ()) else "economy"


def by_rule(
    task: Row, target: Next, verdict: Verdict, request_id: str, at: datetime
) -> tuple[Row, list[NewEvent]]:
    """A rule's escalation, approved where no person is asked; the row to be added, its events."""
    row = {
        **_new(task, target, request_id, at),
        "reason": verdict.reason,
        "rule": verdict.rule,
        "figures": list(verdict.figures),
        "never_by": task["created_by"] if verdict.four_eyes else None,
        "estimated_cost_usd": verdict.estimated_cost_usd,
        "on_timeout": verdict.on_timeout,
        "due_at": at + timedelta(seconds=verdict.timeout_seconds),
    }
    requested = event(row)
    if verdict.approval == "person":
        return row, [requested]
    row |= {"status": "approved", "decided_by": SYSTEM, "decided_at": at}
    return row, [requested, event(row)]


def by_person(
    task: Row,
    target: Next,
    *,
    reason: str,
    priority: str,
    requested_by: str,
    estimated: Decimal | None,
    four_eyes: bool,
    timeout_seconds: int,
    on_timeout: str,
    request_id: str,
    at: datetime,
) -> Row:
    """A person's request: the row to be added."""
    return {
        **_new(task, target, request_id, at),
        "reason": reason,
        "priority": priority,
        "requested_by": requested_by,
        "never_by": requested_by if four_eyes else None,
        "estimated_cost_usd": estimated,
        "on_timeout": on_timeout,
        "due_at": at + timedelta(seconds=timeout_seconds),
    }


def by_task_budget(task: Row, claimed: Mapping[Any, Any], refusal: Refusal, at: datetime) -> Row:
    """The question whether a task may go on beyond its own hard limit, on the tier it is at."""
    target = Next(claimed["role"], claimed["revision"])
    return {
        **_new(task, target, claimed["request_id"], at),
        "tier": claimed["tier"],
        "reason": refusal.sentence,
        "rule": TASK_BUDGET,
        "estimated_cost_usd": refusal.needed,
        "otherwise": as_json(Fail(refusal.sentence), target.role, target.revision),
        "on_timeout": "reject",
        "due_at": at + timedelta(seconds=_BUDGET_TIMEOUT_SECONDS),
    }


def begin_escalated(writes: Writes, task: Row, escalation: Mapping[Any, Any], at: datetime) -> Told:
    """Queues the pass that an approved escalation allows; changes the task, tells of both."""
    row = escalated_submission(task, escalation, task["run"], at)
    add_submission(writes, row)
    role, tier = escalation["role"], escalation["tier"]
    task |= going_on(task) | stage(role, f"Waiting for the {role} on the {tier} model.")
    if escalation["rule"] == TASK_BUDGET:
        task["budget_lifted"] = True
    if tier == "premium":
        task |= raised(task, role)
    task |= {"submission_id": row["id"], "escalation_id": None}
    return ["task.progress", queued_event(row)]


def escalated_submission(task: Row, escalation: Mapping[Any, Any], run: int, at: datetime) -> Row:
    """The row of the pass that an escalation allows, at the more urgent of both priorities."""
    new = NewSubmission(
        task_id=task["id"],
        run=run,
        role=escalation["role"],
        priority=min(task["priority"], escalation["priority"], key=PRIORITIES.index),
        request_id=escalation["request_id"],
        revision=escalation["revision"],
        tier=escalation["tier"],
        escalation_id=escalation["id"],
    )
    return new_submission_row(new, at)


def raised(task: Mapping[Any, Any], role: Role) -> Row:
    """What changes on a task of which a role goes to premium."""
    return {
        "escalated": True,
        "premium_roles": _with(task["premium_roles"], role),
        "asked_roles": _with(task["asked_roles"], role),
    }


def park(task: Row, escalation: Mapping[Any, Any]) -> Told:
    """Has the task wait for whoever decides; it holds no worker."""
    task |= awaiting_approval(f"Waiting for a person's approval: {escalation['reason']}")
    task |= {"escalation_id": escalation["id"]}
    if escalation["rule"] not in (None, TASK_BUDGET):
        task |= {"asked_roles": _with(task["asked_roles"], escalation["role"])}
    return ["task.progress"]


def close_open(connection: Connection, task: Row, at: datetime) -> list[NewEvent]:
    """Ends the open escalation of a task that ends or goes another way without it."""
    escalation_id = task["escalation_id"]
    if escalation_id is None:
        return []
    task["escalation_id"] = None
    rejected = change_escalation(
        connection,
        escalation_id,
        "requested",
        status="rejected",
        decided_by=SYSTEM,
        decided_at=at,
        comment="The task went on or ended without it.",
    )
    if rejected is not None:
        return [event(rejected)]
    completed = change_escalation(
        connection, escalation_id, "approved", status="completed", completed_at=at
    )
    return [] if completed is None else [event(completed)]


def hold(connection: Connection, writes: Writes, task: Row, otherwise: Row, at: datetime) -> Told:
    """The economy's call has ended while a person's request was open: it is carried out now.

    Where it is not decided yet, the task is parked, with what would have followed.
    """
    kept = change_escalation(connection, task["escalation_id"], "requested", otherwise=otherwise)
    if kept is not None:
        return park(task, kept)
    approved = find_escalations(connection, [task["escalation_id"]])[task["escalation_id"]]
    return begin_escalated(writes, task, approved, at)


def _new(task: Row, target: Next, request_id: str, at: datetime) -> Row:
    """What every request has, and what stands where it says nothing else."""
    return {
        "id": new_id("esc", at),
        "task_id": task["id"],
        "mode": task["mode"],
        "run": task["run"],
        "tier": "premium",
        "role": target.role,
        "revision": target.revision,
        "status": "requested",
        "rule": None,
        "figures": [],
        "priority": task["priority"],
        "requested_by": SYSTEM,
        "never_by": None,
        "decided_by": None,
        "comment": None,
        "otherwise": None,
        "request_id": request_id,
        "created_at": at,
        "decided_at": None,
        "completed_at": None,
    }


def _with(roles: list[str] | None, role: str) -> list[str]:
    return sorted({*(roles or ()), role})
