"""Writing events, in the transaction of the change that they tell of."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from kyros_worker.bulk import inserting
from kyros_worker.event.tables import Event
from kyros_worker.ids import new_id

#: The channel on which Postgres tells watchers that a task has new events; the payload is its id.
TASK_CHANNEL = "kyros_task"

NEW_EVENTS = inserting("events", Event, ["task_id", "seq", "id", "type", "data", "created_at"])


@dataclass(frozen=True)
class NewEvent:
    """A fact to be written: its type (`task.started`) and what it says."""

    type: str
    data: dict[str, Any]


def event_row(task_id: str, seq: int, event: NewEvent, at: datetime) -> dict[str, Any]:
    """The row of one event."""
    return {
        "task_id": task_id,
        "seq": seq,
        "id": new_id("evt", at),
        "type": event.type,
        "data": event.data,
        "created_at": at,
    }
