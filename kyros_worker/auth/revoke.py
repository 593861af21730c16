"""Revoking an API key: every process refuses it within two seconds."""

from typing import Any

from sqlalchemy import update

from kyros_worker.audit.actor import Actor
from kyros_worker.audit.write import write_entry
from kyros_worker.auth.queries import COLUMNS, lock, record
from kyros_worker.auth.subject import Mode
from kyros_worker.auth.tables import ApiKey
from kyros_worker.clock import now
from kyros_worker.database import Connection


def revoke(
    connection: Connection, actor: Actor, key_id: str, mode: Mode | None = None
) -> dict[str, Any]:
    """The revoked key's record; one that was revoked before keeps its time.

    Its secret ends, and so does the one before it. Raises NotFoundError where there is none of that
    id (and of that mode, where one is given).
    """
    before = lock(connection, key_id, mode)
    if before["revoked_at"] is not None:
        return record(before)
    statement = update(ApiKey).where(ApiKey.id == key_id).values(revoked_at=now())
    revoked = record(connection.execute(statement.returning(*COLUMNS)).mappings().one())
    write_entry(connection, actor, "api_key.revoke", key_id, mode=revoked["mode"])
    return revoked
