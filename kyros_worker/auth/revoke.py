"""Revoking an API key: every process refuses it within two seconds."""

from typing import Any

from sqlalchemy import func, update

from kyros_worker.auth.queries import COLUMNS, record
from kyros_worker.auth.subject import Mode
from kyros_worker.auth.tables import ApiKey
from kyros_worker.clock import now
from kyros_worker.database import Connection
from kyros_worker.errors import NotFoundError
from kyros_worker.ids import is_id


def revoke(connection: Connection, key_id: str, mode: Mode | None = None) -> dict[str, Any]:
    """The revoked key's record; one that was revoked before keeps its time.

    Raises NotFoundError where there is none of that id (and of that mode, where one is given).
    """
    statement = (
        update(ApiKey)
        .where(ApiKey.id == key_id)
        .values(revoked_at=func.coalesce(ApiKey.revoked_at, now()))
        .returning(*COLUMNS)
    )
    if mode is not None:
        statement = statement.where(ApiKey.mode == mode)
    row = connection.execute(statement).one_or_none() if is_id("key", key_id) else None
    if row is None:
        raise NotFoundError("There is no such API key.")
    return record(row)
