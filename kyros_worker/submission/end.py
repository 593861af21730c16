"""Ending a submission from outside: its task was cancelled, or a newer one takes its place."""

from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection

from kyros_worker.cost.ledger import EndState, cost_of, end_calls, shown, unpriced_of
from kyros_worker.escalation.write import change_escalation, event
from kyros_worker.event.write import NewEvent
from kyros_worker.submission import claim
from kyros_worker.submission.create import summary


def end_submission(
    connection: Connection,
    task: dict[str, Any],
    submission_id: str,
    state: Literal["cancelled", "superseded"],
    at: datetime,
) -> list[NewEvent]:
    """Ends a submission and its running call, and gives what a timeline tells of it.

    What the call may have cost is added to the locked task, which the caller writes. Nothing
    happens to one that has ended already. The worker notices within two seconds that its lease is
    gone and aborts the call.
    """
    ended = claim.end(connection, submission_id, state)
    if ended is None:
        return []
    events = call_events(connection, task, submission_id, "aborted", at)
    events.append(NewEvent(f"submission.{state}", summary(ended)))
    escalation = change_escalation(
        connection, ended["escalation_id"], "approved", status="completed", completed_at=at
    )
    return events if escalation is None else [*events, event(escalation)]


def call_events(
    connection: Connection, task: dict[str, Any], submission_id: str, state: EndState, at: datetime
) -> list[NewEvent]:
    """Marks the running calls of a submission and gives an event for each; so far they count.

    Their cost is added to the locked task, which the caller writes.
    """
    calls = end_calls(connection, submission_id, state, at)
    task["cost_usd"] += sum(map(cost_of, calls))
    task["unpriced_calls"] += sum(map(unpriced_of, calls))
    return [NewEvent(f"call.{state}", shown(call)) for call in calls]
