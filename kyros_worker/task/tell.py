"""Telling webhooks of a task's events: `task.*` with the full task, `escalation.*` as they are."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, select

from kyros_worker.bulk import Writes, is_one_of
from kyros_worker.prepared import PREPARED
from kyros_worker.submission.tables import Submission
from kyros_worker.task import present
from kyros_worker.task.tables import Task
from kyros_worker.webhook.fan_out import Fact, add_deliveries, find_subscribers

_PUBLIC = ("task.", "escalation.")


def is_public(event_type: str) -> bool:
    """Whether an event of a timeline is one of those that endpoints can ask for."""
    return event_type.startswith(_PUBLIC)


def tell_webhooks(
    connection: Connection,
    writes: Writes,
    events: Sequence[tuple[str, str | None, Mapping[str, Any]]],
) -> None:
    """Writes the deliveries of events, each given with its task's mode.

    And with the id of the request that they follow from, where it is another than that of the
    task's submission as it is written.
    """
    subscribers = find_subscribers(connection)
    wanted = [
        (mode, request_id, row)
        for mode, request_id, row in events
        if any(one.wants(row["type"], mode) for one in subscribers)
    ]
    if not wanted:
        return
    ids = sorted({row["task_id"] for _, _, row in wanted})
    found = connection.execute(_TOLD, {"ids": ids}).mappings().all()
    fixed = {row["id"]: present.fixed(row) for row in found}
    of_submission = {row["id"]: row["request_id"] for row in found}
    facts = [
        (fact_of(row, fixed, request_id or of_submission[row["task_id"]]), mode)
        for mode, request_id, row in wanted
    ]
    add_deliveries(writes, subscribers, facts)


_TOLD = (
    select(*present.FIXED, Submission.request_id)
    .join(Submission, Submission.id == Task.submission_id)
    .where(is_one_of(Task.id, "ids"))
    .execution_options(**PREPARED)
)


def fact_of(row: Mapping[str, Any], fixed: Mapping[str, dict[str, Any]], request_id: str) -> Fact:
    """An event's row as endpoints are told of it; `fixed` has the tasks' unchanging parts."""
    data = row["data"]
    if row["type"].startswith("task."):
        data = present.whole(fixed[row["task_id"]], data)
    return Fact(
        row["id"], row["type"], data, row["created_at"], row["task_id"], row["seq"], request_id
    )
