"""Reading API keys: the records that people see, which never hold the hash."""

from typing import Any

from sqlalchemy import select

from kyros_worker.auth.subject import Mode
from kyros_worker.auth.tables import ApiKey
from kyros_worker.clock import rfc3339, rfc3339_or_none
from kyros_worker.database import Connection

#: What a record is made of, in the order of `record`.
COLUMNS = (
    ApiKey.id,
    ApiKey.name,
    ApiKey.prefix,
    ApiKey.mode,
    ApiKey.permissions,
    ApiKey.created_by,
    ApiKey.created_at,
    ApiKey.expires_at,
    ApiKey.last_used_at,
    ApiKey.revoked_at,
)


def newest(
    connection: Connection, mode: Mode | None, limit: int, after: str | None = None
) -> list[dict[str, Any]]:
    """The records of a mode (of both when None), newest first, going on after that id."""
    statement = select(*COLUMNS).order_by(ApiKey.id.desc()).limit(limit)
    if mode is not None:
        statement = statement.where(ApiKey.mode == mode)
    if after is not None:
        statement = statement.where(ApiKey.id < after)
    return [record(row) for row in connection.execute(statement)]


def record(row: Any) -> dict[str, Any]:
    """A row of `COLUMNS` as JSON."""
    return {
        "id": row.id,
        "name": row.name,
        "prefix": row.prefix,
        "mode": row.mode,
        "permissions": row.permissions,
        "created_by": row.created_by,
        "created_at": rfc3339(row.created_at),
        "expires_at": rfc3339_or_none(row.expires_at),
        "last_used_at": rfc3339_or_none(row.last_used_at),
        "revoked_at": rfc3339_or_none(row.revoked_at),
    }
