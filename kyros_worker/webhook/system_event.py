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
    event: NewEvent, at: datetime, *, mode: str | None, once_key: str | None = None
) -> dict[str, Any]:
    """The row of a fact about the system, of a mode or of both (None).

    What has a `once_key` is written and told once, however often it is said.
    """
    row = {"id": new_id("evt", at), "mode": mode, "type": event.type, "data": event.data}
    return {**row, "once_key": once_key, "created_at": at}


def write_system_event(writes: Writes, event: NewEvent, at: datetime, *, mode: str | None) -> None:
    """Writes a fact about the system, and tells webhooks of both modes."""
    writes.complete(_tell, system_event_row(event, at, mode=mode))


def tell_system_events(
    connection: Connection, writes: Writes, rows: Sequence[dict[str, Any]]
) -> int:
    """Writes rows of facts now, and their deliveries with `writes`; gives how many are new."""
    new = []
    for row in rows:
        statement = insert(SystemEvent).values(row).on_conflict_do_nothing()
        if connection.execute(statement.returning(SystemEvent.id)).first() is not None:
            new.append(Fact(row["id"], row["type"], row["data"], row["created_at"]))
    if new:
        add_deliveries(writes, find_subscribers(connection), [(fact, None) for fact in new])
    return len(new)


def _tell(connection: Connection, writes: Writes, rows: Sequence[dict[str, Any]]) -> None:
    tell_system_events(connection, writes, rows)
