"""A task in one line: how it stands, for how long, and what it cost (pure)."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from kyros_worker.command.printable import line

_STAGES = {
    "awaiting_approval": "approval",
    "waiting_for_budget": "budget",
    "waiting_for_provider": "provider",
}
_SMALLEST = Decimal("0.0001")


def stage(task: dict[str, Any]) -> str:
    """Where the task is on its way, in one short word."""
    named = line(task["progress"]["stage"])
    return _STAGES.get(named, named)


def message(task: dict[str, Any]) -> str:
    """What the task is at, or why it ended."""
    return line(task["error"] or task["progress"]["message"])


def seconds(task: dict[str, Any], now: datetime | None = None) -> float:
    """How long it took from its creation to its end, or until now, or to its last change."""
    end = _time(task["completed_at"]) or now or _time(task["updated_at"])
    begun = _time(task["created_at"])
    assert begun is not None, "every task was created"
    assert end is not None, "every task was changed last at some time"
    return max((end - begun).total_seconds(), 0.0)


def duration(length: float) -> str:
    """`0:07`, `12:03`, `1:02:03`, `2d 3h`."""
    whole = timedelta(seconds=int(length))
    hours, rest = divmod(whole.seconds, 3600)
    if whole.days:
        return f"{whole.days}d {hours}h"
    clock = f"{rest // 60:02}:{rest % 60:02}"
    return f"{hours}:{clock}" if hours else clock.removeprefix("0")


def money(cost: Decimal, mode: str, *, short: bool = False) -> str:
    """US dollars; test mode's are labelled, since nobody pays them."""
    amount = "<$0.0001" if 0 < cost < _SMALLEST else f"${cost:.4f}"
    if mode != "test":
        return amount
    return f"{amount} test" if short else f"{amount} test-mode money"


def cost(task: dict[str, Any]) -> Decimal:
    """What the task cost so far, exact, so that it can be summed."""
    return Decimal(str(task["cost_usd"]))


def told_cost(task: dict[str, Any]) -> str:
    """What the task cost, in words; a cost that is not known is told as such."""
    known, unpriced = money(cost(task), task["mode"]), task.get("unpriced_calls", 0)
    if not unpriced:
        return known
    calls = "1 call" if unpriced == 1 else f"{unpriced} calls"
    return f"{known} and {calls} of unknown cost"


def change(task: dict[str, Any]) -> str:
    """One change, for an output that is no terminal."""
    return (
        f"{task['id']}  {task['progress']['percentage']:>3}%  {stage(task):<11}  "
        f"{duration(seconds(task)):>5}  {told_cost(task)}  "
        f"{message(task)}  {line(task['title'], 60)}"
    )


def totals(tasks: list[dict[str, Any]]) -> str:
    """How many have ended and how, and what they cost; live and test money stay apart."""
    counts = {
        state: sum(task["state"] == state for task in tasks)
        for state in ("completed", "failed", "cancelled")
    }
    ended = ", ".join(f"{count} {state}" for state, count in counts.items() if count)
    parts = [f"{sum(counts.values())} of {len(tasks)} ended{f': {ended}' if ended else ''}"]
    for mode in sorted({task["mode"] for task in tasks}):
        spent = sum((cost(task) for task in tasks if task["mode"] == mode), Decimal(0))
        parts.append(money(spent, mode))
    return " · ".join(parts)


def _time(value: str | None) -> datetime | None:
    return None if value is None else datetime.fromisoformat(value).astimezone(UTC)
