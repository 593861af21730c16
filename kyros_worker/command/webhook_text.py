"""Webhooks and their deliveries as plain text for people (pure)."""

from collections.abc import Iterator, Sequence
from typing import Any

from kyros_worker.command.printable import line
from kyros_worker.command.task_text import aligned, time

_COLUMNS = ("id", "state", "events", "created", "url")
_DELIVERY_COLUMNS = ("id", "status", "type", "task", "tries", "created", "last answer")


def table(webhooks: Sequence[dict[str, Any]], width: int | None) -> str:
    """A line a webhook below the names of the columns, none wider than `width` columns."""
    return aligned([_COLUMNS, *(_row(one) for one in webhooks)], width)


def described(webhook: dict[str, Any]) -> str:
    """All that a person asks of a webhook."""
    return "\n".join(_lines(webhook))


def deliveries(found: Sequence[dict[str, Any]], width: int | None) -> str:
    """A line a delivery below the names of the columns, none wider than `width` columns."""
    return aligned([_DELIVERY_COLUMNS, *(_delivery_row(one) for one in found)], width)


def heard(delivery: dict[str, Any]) -> str:
    """A delivery as it is heard: when, what, and of which task."""
    return f"{time(delivery['created_at'])}  {line(delivery['event_type']):<20}  {_task(delivery)}"


def _lines(webhook: dict[str, Any]) -> Iterator[str]:
    yield f"{line(webhook['id'])}  {_state(webhook)}"
    yield f"  {line(webhook['url'])}"
    if webhook["description"]:
        yield f"  {line(webhook['description'])}"
    yield f"  events {_events(webhook)}, mode {line(webhook['mode'])}"
    yield f"  created {time(webhook['created_at'])} by {line(webhook['created_by'])}"
    if webhook["disabled_reason"]:
        yield f"  disabled: {line(webhook['disabled_reason'])}"
    if webhook["secret_pending_since"]:
        yield f"  two secrets sign since {time(webhook['secret_pending_since'])}"


def _row(webhook: dict[str, Any]) -> tuple[str, ...]:
    return (
        line(webhook["id"]),
        _state(webhook),
        _events(webhook),
        time(webhook["created_at"]),
        webhook["url"],
    )


def _delivery_row(delivery: dict[str, Any]) -> tuple[str, ...]:
    return (
        line(delivery["id"]),
        line(delivery["status"]),
        line(delivery["event_type"]),
        _task(delivery),
        str(len(delivery["attempts"])),
        time(delivery["created_at"]),
        _last_answer(delivery),
    )


def _last_answer(delivery: dict[str, Any]) -> str:
    if not delivery["attempts"]:
        return "-"
    last = delivery["attempts"][-1]
    return str(last["error"] or f"HTTP {last['status_code']}")


def _state(webhook: dict[str, Any]) -> str:
    return "enabled" if webhook["enabled"] else "disabled"


def _events(webhook: dict[str, Any]) -> str:
    return line(" ".join(webhook["events"]))


def _task(delivery: dict[str, Any]) -> str:
    return "-" if delivery["task_id"] is None else line(delivery["task_id"])
