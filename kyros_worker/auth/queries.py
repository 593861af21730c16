"""Reading API keys: the records that people see, which never hold the hash."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import RowMapping, Select, select

from kyros_worker.auth.subject import Mode
from kyros_worker.auth.tables import ApiKey
from kyros_worker.clock import now, rfc3339, rfc3339_or_none
from kyros_worker.database import Connection
from kyros_worker.errors import ConflictError, NotFoundError
from kyros_worker.ids import is_id

#: What a record is made of, in the order of `record`.
COLUMNS = (
    ApiKey.id,
    ApiKey.name,
    ApiKey.prefix,
    ApiKey.mode,
    ApiKey.permissions,
    ApiKey.rate_limit,
    ApiKey.day_budget_usd,
    ApiKey.created_by,
    ApiKey.created_at,
    ApiKey.expires_at,
    ApiKey.previous_expires_at,
    ApiKey.last_used_at,
    ApiKey.revoked_at,
)
#: What a key's tasks may cost on a day, of its own.
OWN_BUDGET = (ApiKey.day_budget_usd, ApiKey.day_budget_since)


def newest(
    connection: Connection, mode: Mode | None, limit: int, after: str | None = None
) -> list[dict[str, Any]]:
    """The records of a mode (of both when None), newest first, going on after that id."""
    statement = select(*COLUMNS).order_by(ApiKey.id.desc()).limit(limit)
    if mode is not None:
        statement = statement.where(ApiKey.mode == mode)
    if after is not None:
        statement = statement.where(ApiKey.id < after)
    return [record(row) for row in connection.execute(statement).mappings()]


def find(connection: Connection, key_id: str, mode: Mode | None = None) -> dict[str, Any]:
    """A key's record. Raises NotFoundError where there is none of that id (and mode, if given)."""
    return record(_found(connection, key_id, select(*COLUMNS), mode))


def lock(connection: Connection, key_id: str, mode: Mode | None = None) -> RowMapping:
    """Locks a key until the transaction ends; gives its row. Raises NotFoundError."""
    columns = (*COLUMNS, ApiKey.hash, ApiKey.day_budget_since)
    query = select(*columns).with_for_update(key_share=True)
    return _found(connection, key_id, query, mode)


def lock_in_force(
    connection: Connection, key_id: str, mode: Mode | None, verb: str, at: datetime
) -> RowMapping:
    """Locks a key that is good at that time, as `lock` does.

    Raises ConflictError (409) that says the state in which it can't be `verb`.
    """
    row = lock(connection, key_id, mode)
    ended = has_ended(row, at)
    if ended is not None:
        raise ConflictError(f"{key_id} is {ended}: it can't be {verb}.", code="wrong_state")
    return row


def has_ended(row: Mapping[Any, Any], at: datetime) -> str | None:
    """`revoked` or `expired`; None for a key that is good at that time."""
    if row["revoked_at"] is not None:
        return "revoked"
    return "expired" if row["expires_at"] is not None and row["expires_at"] <= at else None


def record(row: Mapping[Any, Any]) -> dict[str, Any]:
    """A row of `COLUMNS` as JSON. A secret whose overlap has ended is told of no more."""
    budget, previous = row["day_budget_usd"], row["previous_expires_at"]
    return {
        "id": row["id"],
        "name": row["name"],
        "prefix": row["prefix"],
        "mode": row["mode"],
        "permissions": row["permissions"],
        "rate_limit": row["rate_limit"],
        "day_budget_usd": None if budget is None else float(budget),
        "created_by": row["created_by"],
        "created_at": rfc3339(row["created_at"]),
        "expires_at": rfc3339_or_none(row["expires_at"]),
        "previous_expires_at": rfc3339_or_none(
            previous if previous is not None and previous > now() else None
        ),
        "last_used_at": rfc3339_or_none(row["last_used_at"]),
        "revoked_at": rfc3339_or_none(row["revoked_at"]),
    }


def _found(
    connection: Connection, key_id: str, query: Select[*tuple[Any, ...]], mode: Mode | None
) -> RowMapping:
    query = query.where(ApiKey.id == key_id)
    if mode is not None:
        query = query.where(ApiKey.mode == mode)
    row = connection.execute(query).mappings().one_or_none() if is_id("key", key_id) else None
    if row is None:
        raise NotFoundError("There is no such API key.")
    return row
