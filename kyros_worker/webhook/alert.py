"""Raising and resolving alerts: each is told once as a `system.alert` when it is, and once more.

An alert's key says what it is of; while one of a key is open, raising it again does nothing. So
any number of processes may notice the same thing.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import Connection, update
from sqlalchemy.dialects.postgresql import insert

from kyros_worker.bulk import Writes
from kyros_worker.event.tables import Alert
from kyros_worker.event.write import NewEvent
from kyros_worker.ids import new_id
from kyros_worker.webhook.system_event import system_event_row, tell_system_events


def raise_alert(
    writes: Writes,
    key: str,
    data: dict[str, Any],
    at: datetime,
    *,
    mode: str | None,
    once: bool = False,
) -> None:
    """Raises an alert of a mode or of both (None), unless one of that key is open.

    `data` has a `kind` and a `message`. With `once` a key is raised once for ever.
    """
    told = {**data, "alert": key, "status": "raised"}
    row = {"id": new_id("alr", at), "key": key, "mode": mode, "data": told, "raised_at": at}
    writes.complete(_raise_once if once else _raise, row)


def resolve_alert(
    writes: Writes, key: str, data: dict[str, Any], at: datetime, *, mode: str | None
) -> None:
    """Resolves the open alert of that key; does nothing where there is none."""
    told = {**data, "alert": key, "status": "resolved"}
    writes.complete(_resolve, {"key": key, "mode": mode, "data": told, "at": at})


def disabled_key(webhook_id: str) -> str:
    """The key of the alert that an endpoint was disabled."""
    return f"webhook_disabled {webhook_id}"


def disabled(webhook_id: str, url: str, message: str) -> dict[str, Any]:
    """What that alert tells: of the URL, which may hold a secret, the host."""
    host = urlsplit(url).hostname
    return {
        "kind": "webhook_disabled",
        "message": message,
        "webhook_id": webhook_id,
        "host": host,
    }


def _raise(connection: Connection, writes: Writes, rows: Sequence[dict[str, Any]]) -> None:
    for row in rows:
        if _open(connection, row):
            tell_system_events(connection, writes, [_fact(row, row["raised_at"])])


def _raise_once(connection: Connection, writes: Writes, rows: Sequence[dict[str, Any]]) -> None:
    for row in rows:
        fact = _fact(row, row["raised_at"], once_key=row["key"])
        if tell_system_events(connection, writes, [fact]):
            _open(connection, row)


def _resolve(connection: Connection, writes: Writes, rows: Sequence[dict[str, Any]]) -> None:
    for row in rows:
        statement = (
            update(Alert)
            .where(Alert.key == row["key"], Alert.resolved_at.is_(None))
            .values(resolved_at=row["at"])
        )
        if connection.execute(statement).rowcount:
            tell_system_events(connection, writes, [_fact(row, row["at"])])


def _open(connection: Connection, row: dict[str, Any]) -> bool:
    new = insert(Alert).values(row).on_conflict_do_nothing()
    return connection.execute(new.returning(Alert.id)).first() is not None


def _fact(row: dict[str, Any], at: datetime, once_key: str | None = None) -> dict[str, Any]:
    event = NewEvent("system.alert", row["data"])
    return system_event_row(event, at, mode=row["mode"], once_key=once_key)
