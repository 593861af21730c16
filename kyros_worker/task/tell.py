"""Telling webhooks of a task's events: `task.*` with the full task, `escalation.*` as they are."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, select

from kyros_worker.bulk import Writes, is_one_of
from kyros_worker.prepared import PREPARED
from kyros_worker.task import present
from kyros_worker.task.tables import Task
from kyros_worker.webhook.fan_out import Fact, add_deliveries, find_subscribers

_PUBLIC = ("task.", "escalation.")


def is_public(event_type: str) -> bool:
    """Whether an event of a timeline is one of those that endpoints can ask for."""
    return event_type.startswith(_PUBLIC)


def tell_webhooks(
    connection: Connection, writes: Writes, events: Sequence[tuple[str, Mapping[str, Any]]]
) -> None:
    """Writes the deliveries of events, each given with its task's mode."""
    subscribers = find_subscribers(connection)
    wanted = [
        (mode, row)
        for mode, row in events
        if any(one.wants(row["type"], mode) for one in subscribers)
    ]
    ids = {row["task_id"] for _, row in wanted if row["type"].startswith("task.")}
    fixed: dict[str, Any] = {}
    if ids:
        found = connection.execute(_FIXED, {"ids": sorted(ids)}).mappings()
        fixed = {row["id"]: present.fixed(row) for row in found}
    add_deliveries(writes, subscribers, [(fact_of(row, fixed), mode) for mode, row in wanted])


_FIXED = select(*present.FIXED).where(is_one_of(Task.id, "ids")).execution_options(**PREPARED)


def fact_of(row: Mapping[str, Any], fixed: Mapping[str, dict[str, Any]]) -> Fact:
    """An event's row as endpoints are told of it; `fixed` has the tasks' unchanging parts."""
    data = row["data"]
    if row["type"].startswith("task."):
        data = present.whole(fixed[row["task_id"]], data)
    return Fact(row["id"], row["type"], data, row["created_at"], row["task_id"], row["seq"])
