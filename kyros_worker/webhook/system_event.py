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


def write_system_event(
    writes: Writes, event: NewEvent, at: datetime, *, mode: str | None, once_key: str | None = None
) -> None:
    """Writes a fact about the system, of a mode or of both (None), and tells webhooks of both.

    What has a `once_key` is written and told once, however often it is said.
    """
    row = {"id": new_id("evt", at), "mode": mode, "type": event.type, "data": event.data}
    writes.complete(_write, {**row, "once_key": once_key, "created_at": at})


def _write(connection: Connection, writes: Writes, rows: Sequence[dict[str, Any]]) -> None:
    new = []
    for row in rows:
        statement = insert(SystemEvent).values(row).on_conflict_do_nothing()
        if connection.execute(statement.returning(SystemEvent.id)).first() is not None:
            new.append(Fact(row["id"], row["type"], row["data"], row["created_at"]))
    if new:
        add_deliveries(writes, find_subscribers(connection), [(fact, None) for fact in new])
