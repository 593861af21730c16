"""What becomes of a claimed submission whose call no budget has room for."""

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, RowMapping, func, select

from kyros_worker.bulk import Writes
from kyros_worker.cost.limits import (
    MOST_WAIT_SECONDS,
    Counter,
    Refusal,
    pause_after,
    refusal_by_task,
)
from kyros_worker.cost.tables import ModelCall
from kyros_worker.escalation.write import add_escalation, event
from kyros_worker.event.write import NewEvent
from kyros_worker.settings import current
from kyros_worker.submission.claim import finish, give_back
from kyros_worker.submission.create import summary
from kyros_worker.submission.tables import Submission
from kyros_worker.task.change import change_task, keep_task
from kyros_worker.task.escalate import by_task_budget, park
from kyros_worker.task.states import failed, stage

WAITING_STAGE = "waiting_for_budget"
_ERROR_KIND = "budget_exceeded"


def refuse(
    writes: Writes,
    task: dict[str, Any],
    claimed: RowMapping,
    refusal: Refusal,
    held: Callable[[Counter], Decimal],
    at: datetime,
) -> None:
    """Has a claimed submission wait for a day's budget; at its own hard limit the task ends.

    `held` tells what running calls hold of a counter, in USD.
    """
    if refusal.counter is None:
        task_limit_reached(writes, task, claimed, refusal, at)
    else:
        pause = pause_after(refusal, held(refusal.counter), at)
        _wait(writes, task, claimed, pause, refusal, at)


def task_refusal(task: dict[str, Any], needed: Decimal | None) -> Refusal | None:
    """Whether a task's own hard limit, which nobody has lifted, leaves no room for a call."""
    if task["budget_lifted"]:
        return None
    return refusal_by_task(current().configuration.budgets, task["cost_usd"], needed)


def task_limit_reached(
    writes: Writes, task: dict[str, Any], claimed: RowMapping, refusal: Refusal, at: datetime
) -> None:
    """What happens to a task at its own hard limit: a person is asked, or it fails."""
    if current().configuration.budgets.task.at_hard_limit == "ask" and not task["escalation_id"]:
        finish(writes, (claimed["id"], claimed["claim"]), state="superseded")
        row = by_task_budget(task, claimed, refusal, at)
        add_escalation(writes, row)
        asked = NewEvent("submission.superseded", summary(claimed))
        change_task(writes, task, at, {}, [asked, event(row), *park(task, row)])
        return
    error = {"error_kind": _ERROR_KIND, "error": refusal.sentence}
    finish(writes, (claimed["id"], claimed["claim"]), state="failed", **error)
    told = NewEvent("submission.failed", summary(claimed))
    change_task(writes, task, at, failed(refusal.sentence, at), [told, "task.failed"])


def _wait(
    writes: Writes,
    task: dict[str, Any],
    claimed: RowMapping,
    pause: int,
    refusal: Refusal,
    at: datetime,
) -> None:
    """Gives the submission back until the limit is asked again, and moves the deadline so far."""
    give_back(writes, (claimed["id"], claimed["claim"]), pause=pause)
    counted = min(pause, MOST_WAIT_SECONDS - task["budget_wait_seconds"])
    waits = {
        "deadline_at": task["deadline_at"] + timedelta(seconds=counted),
        "budget_wait_seconds": task["budget_wait_seconds"] + counted,
    }
    if task["progress_stage"] == WAITING_STAGE:
        # It was told when the waiting began: days of waiting are no thousand events.
        task |= waits
        keep_task(writes, task)
    else:
        waits |= stage(WAITING_STAGE, refusal.sentence)
        released = NewEvent("submission.waiting_for_budget", summary(claimed))
        change_task(writes, task, at, waits, [released, "task.progress"])


def held_by_running_calls(connection: Connection, counter: Counter) -> Decimal:
    """The reservations of the running calls that a counter holds, in USD."""
    query = (
        select(func.sum(ModelCall.reserved_usd))
        .join(Submission, Submission.id == ModelCall.submission_id)
        .where(
            Submission.state == "running",
            ModelCall.state == "started",
            ModelCall.mode == counter.mode,
            func.date(ModelCall.started_at) == counter.day,
        )
    )
    if counter.created_by is not None:
        query = query.where(ModelCall.created_by == counter.created_by)
    return connection.execute(query).scalar() or Decimal(0)
