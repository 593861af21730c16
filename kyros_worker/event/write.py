"""Writing events, in the transaction of the change that they tell of."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from kyros_worker.bulk import BulkWrite, Writes, inserting, rows_of
from kyros_worker.event.tables import Event, SystemEvent
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


_SYSTEM = ("id", "mode", "type", "data", "once_key", "created_at")
_system_rows = rows_of(SystemEvent, "system_events", _SYSTEM)
_NEW_SYSTEM_EVENTS = BulkWrite(
    "system_events",
    _SYSTEM,
    insert(SystemEvent)
    .from_select(_SYSTEM, select(*_system_rows.c), include_defaults=False)
    .on_conflict_do_nothing(index_elements=[SystemEvent.once_key]),
)


def write_system_event(
    writes: Writes, event: NewEvent, at: datetime, *, mode: str | None, once_key: str | None = None
) -> None:
    """Writes a fact about the system, of a mode or of both (None).

    What has a `once_key` is written once, however often it is told.
    """
    row = {"id": new_id("evt", at), "mode": mode, "type": event.type, "data": event.data}
    writes.add(_NEW_SYSTEM_EVENTS, {**row, "once_key": once_key, "created_at": at})
