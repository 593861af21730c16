"""Writing facts about the system, each with its deliveries."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.dialects.postgresql import insert

from kyros_worker.bulk import Writes
from kyros_worker.event.tables import SystemEvent
from kyros_worker.event.write import NewEvent
from kyros_worker.ids import new_id
from kyros_worker.webhook.fan_out import Fact, add_deliveries, find_subscribers


def system_event_row(
    event: NewEvent,
    at: datetime,
    *,
    mode: str | None,
    once_key: str | None = None,
    request_id: str | None = None,
) -> dict[str, Any]:
    """A fact about the system, of a mode or of both (None), for `tell_system_events`.

    What has a `once_key` is written and told once, however often it is said. What a request
    brought about is told with its `request_id`.
    """
    row = {"id": new_id("evt", at), "mode": mode, "type": event.type, "data": event.data}
    return {**row, "once_key": once_key, "created_at": at, "request_id": request_id}


def write_system_event(
    writes: Writes,
    event: NewEvent,
    at: datetime,
    *,
    mode: str | None,
    request_id: str | None = None,
) -> None:
    """Writes a fact about the system, and tells webhooks of both modes."""
    writes.complete(_tell, system_event_row(event, at, mode=mode, request_id=request_id))


def tell_system_events(
    connection: Connection, writes: Writes, rows: Sequence[dict[str, Any]]
) -> int:
    """Writes rows of facts now, and their deliveries with `writes`; gives how many are new."""
    new = []
    for row in rows:
        values = {name: row[name] for name in row if name != "request_id"}
        statement = insert(SystemEvent).values(values).on_conflict_do_nothing()
        if connection.execute(statement.returning(SystemEvent.id)).first() is not None:
            asked_by = row["request_id"]
            at = row["created_at"]
            new.append(Fact(row["id"], row["type"], row["data"], at, request_id=asked_by))
    if new:
        add_deliveries(writes, find_subscribers(connection), [(fact, None) for fact in new])
    return len(new)


def _tell(connection: Connection, writes: Writes, rows: Sequence[dict[str, Any]]) -> None:
    tell_system_events(connection, writes, rows)
