"""Escalations as plain text for people (pure)."""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

from kyros_worker.command.printable import indented, line
from kyros_worker.command.task_line import money
from kyros_worker.command.task_text import aligned, time

_COLUMNS = ("id", "status", "task", "role", "rule", "at most", "created", "reason")


def table(escalations: Sequence[dict[str, Any]], width: int | None) -> str:
    """A line an escalation below the names of the columns, none wider than `width` columns."""
    return aligned([_COLUMNS, *(_row(one) for one in escalations)], width)


def described(escalation: dict[str, Any]) -> str:
    """All that a person who decides asks of it, and the commands that decide."""
    return "\n".join(_lines(escalation))


def _lines(escalation: dict[str, Any]) -> Iterator[str]:
    escalation_id = line(escalation["id"])
    yield f"{escalation_id}  {escalation['status']}"
    yield f"  {line(escalation['reason'])}"
    yield f"  task {line(escalation['task_id'])}, priority {line(escalation['priority'])}"
    yield (
        f"  the {line(escalation['role'])} on the {line(escalation['tier'])} tier, "
        f"{_at_most(escalation)}"
    )
    rule = "" if escalation["rule"] is None else f" by the rule {line(escalation['rule'])}"
    yield (
        f"  requested {time(escalation['created_at'])}{rule}, by {line(escalation['requested_by'])}"
    )
    if escalation["decided_at"]:
        yield f"  decided {time(escalation['decided_at'])} by {line(escalation['decided_by'])}"
    if escalation["comment"]:
        yield indented(escalation["comment"], "  | ")
    if escalation["completed_at"]:
        yield f"  completed {time(escalation['completed_at'])}"
    if escalation["status"] == "requested":
        yield from _choice(escalation, escalation_id)


def _choice(escalation: dict[str, Any], escalation_id: str) -> Iterator[str]:
    otherwise = "the best answer is taken"
    if escalation["on_timeout"] == "reject":
        otherwise = "it is rejected"
    yield f"  {otherwise} at {time(escalation['due_at'])} if nobody decides"
    if escalation["four_eyes"]:
        yield "  who asked may not approve it"
    yield f"  kyros escalations approve {escalation_id}"
    yield f"  kyros escalations reject {escalation_id}"


def _at_most(escalation: dict[str, Any]) -> str:
    cost = escalation["estimated_cost_usd"]
    if cost is None:
        return "cost not known"
    return f"{money(Decimal(str(cost)), escalation['mode'])} at most for its first call"


def _row(escalation: dict[str, Any]) -> tuple[str, ...]:
    cost = escalation["estimated_cost_usd"]
    return (
        line(escalation["id"]),
        line(escalation["status"]),
        line(escalation["task_id"]),
        line(escalation["role"]),
        "(a person)" if escalation["rule"] is None else line(escalation["rule"]),
        "?" if cost is None else money(Decimal(str(cost)), escalation["mode"], short=True),
        time(escalation["created_at"]),
        escalation["reason"],
    )
