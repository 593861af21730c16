"""Maintenance: while it is on, tasks are accepted, running calls go on, and nothing new begins."""

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, select, update
from sqlalchemy.dialects.postgresql import insert

from kyros_worker.audit.actor import Actor
from kyros_worker.audit.write import write_entry
from kyros_worker.auth.subject import Subject
from kyros_worker.bulk import Writes
from kyros_worker.clock import now, rfc3339_or_none
from kyros_worker.errors import PermissionDeniedError
from kyros_worker.event.write import NewEvent
from kyros_worker.fleet.tables import ONLY_ROW, Maintenance
from kyros_worker.settings import current
from kyros_worker.webhook.system_event import write_system_event

MAX_MESSAGE_LENGTH = 1000

_ROW = select(Maintenance).where(Maintenance.id == ONLY_ROW)
_OFF: dict[str, Any] = {"enabled": False, "message": None, "changed_by": None, "changed_at": None}


def is_on() -> ColumnElement[bool]:
    """For a statement that begins something: whether maintenance is on."""
    return select(Maintenance.id).where(Maintenance.enabled).exists()


def read_maintenance(connection: Connection) -> dict[str, Any]:
    """The state as it is answered: `enabled`, `message`, `changed_by`, `changed_at`."""
    row = connection.execute(_ROW).mappings().one_or_none()
    return _OFF if row is None else _present(row)


def change_maintenance(
    connection: Connection, who: Subject, actor: Actor, *, enabled: bool, message: str | None
) -> dict[str, Any]:
    """Turns maintenance on or off, and gives the state; what changes nothing is no change.

    Raises PermissionDeniedError for a caller in test mode, who would stop live work, unless the
    whole deployment is in test mode.
    """
    if who.mode == "test" and not current().test_mode:
        raise PermissionDeniedError("Maintenance needs a live admin: it stops live work too.")
    empty = {"id": ONLY_ROW, "enabled": False}
    connection.execute(insert(Maintenance).values(empty).on_conflict_do_nothing())
    before = connection.execute(_ROW.with_for_update()).mappings().one()
    if (before["enabled"], before["message"]) == (enabled, message):
        return _present(before)
    at = now()
    after = {
        **before,
        "enabled": enabled,
        "resuming": not enabled and (before["enabled"] or before["resuming"]),
        "message": message,
        "changed_by": who.id,
        "changed_at": at,
    }
    connection.execute(update(Maintenance).values(after))
    writes = Writes()
    event = NewEvent("system.maintenance", _present(after))
    write_system_event(writes, event, at, mode=None, request_id=actor.request_id)
    writes.execute(connection)
    write_entry(connection, actor, "system.maintenance", None, enabled=enabled, message=message)
    return _present(after)


def to_resume(connection: Connection) -> datetime | None:
    """When the maintenance ended of which the waiting work is still to be published again."""
    query = select(Maintenance.changed_at).where(Maintenance.resuming)
    return connection.execute(query).scalar_one_or_none()


def resumed(connection: Connection, ended_at: datetime) -> None:
    """What waited for the end of that maintenance is published again."""
    that = Maintenance.changed_at == ended_at
    connection.execute(update(Maintenance).where(that).values(resuming=False))


def _present(row: Any) -> dict[str, Any]:
    return {
        "enabled": row["enabled"],
        "message": row["message"],
        "changed_by": row["changed_by"],
        "changed_at": rfc3339_or_none(row["changed_at"]),
    }
