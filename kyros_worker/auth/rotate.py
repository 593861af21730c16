"""Replacing an API key's secret: the one before stays good while programs change over."""

from datetime import timedelta
from typing import Any

from sqlalchemy import update

from kyros_worker.audit.actor import Actor
from kyros_worker.audit.write import write_entry
from kyros_worker.auth import api_key
from kyros_worker.auth.create import kept_of
from kyros_worker.auth.queries import COLUMNS, lock_in_force, record
from kyros_worker.auth.subject import Mode
from kyros_worker.auth.tables import ApiKey
from kyros_worker.clock import now, rfc3339_or_none
from kyros_worker.database import Connection


def rotate(
    connection: Connection,
    actor: Actor,
    key_id: str,
    overlap_seconds: int,
    mode: Mode | None = None,
) -> dict[str, Any]:
    """The key's record with `key`, its new secret, which is nowhere else; the id stays.

    The secret before stays good for the overlap; with 0 it ends within two seconds, everywhere. A
    secret before that one, whose overlap still runs, ends so in any case. Raises NotFoundError, and
    ConflictError for a key that was revoked or has expired.
    """
    at = now()
    before = lock_in_force(connection, key_id, mode, "rotated", at)
    key = api_key.make(before["mode"])
    ends = at + timedelta(seconds=overlap_seconds) if overlap_seconds else None
    statement = (
        update(ApiKey)
        .where(ApiKey.id == key_id)
        .values(
            **kept_of(key),
            previous_hash=before["hash"] if ends else None,
            previous_expires_at=ends,
        )
    )
    rotated = record(connection.execute(statement.returning(*COLUMNS)).mappings().one())
    told = {"previous_expires_at": rfc3339_or_none(ends)}
    write_entry(connection, actor, "api_key.rotate", key_id, mode=rotated["mode"], **told)
    return {**rotated, "key": key}
