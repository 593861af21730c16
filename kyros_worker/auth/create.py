"""Making an API key."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import insert

from kyros_worker import ids
from kyros_worker.audit.actor import Actor
from kyros_worker.audit.write import write_entry
from kyros_worker.auth import api_key
from kyros_worker.auth.queries import COLUMNS, record
from kyros_worker.auth.subject import PERMISSIONS, Mode, Permission, Subject
from kyros_worker.auth.tables import ApiKey
from kyros_worker.clock import now
from kyros_worker.database import Connection
from kyros_worker.errors import FieldError, InvalidError, PermissionDeniedError

#: What the audit log tells of a new key.
_TOLD = ("name", "permissions", "expires_at", "rate_limit", "day_budget_usd")


def create(
    connection: Connection,
    actor: Actor,
    *,
    name: str,
    permissions: Sequence[Permission],
    mode: Mode,
    expires_at: datetime | None = None,
    rate_limit: int | None = None,
    day_budget_usd: Decimal | None = None,
    key: str | None = None,
) -> dict[str, Any]:
    """The new key's record with `key`, the secret, which is nowhere else.

    The key is made here unless one is given. Raises InvalidError when it would expire at once.
    """
    at = now()
    refuse_past(expires_at, at)
    key = key or api_key.make(mode)
    statement = insert(ApiKey).values(
        id=ids.new_id("key", at),
        name=name,
        **kept_of(key),
        mode=mode,
        permissions=in_order(permissions),
        created_by=actor.id,
        created_at=at,
        expires_at=expires_at,
        rate_limit=rate_limit,
        day_budget_usd=day_budget_usd,
        day_budget_since=None if day_budget_usd is None else at,
    )
    made = record(connection.execute(statement.returning(*COLUMNS)).mappings().one())
    told = {name: made[name] for name in _TOLD}
    write_entry(connection, actor, "api_key.create", made["id"], mode=mode, **told)
    return {**made, "key": key}


def kept_of(key: str) -> dict[str, str]:
    """What is kept of a key in its place: the columns that change with it."""
    return {"hash": api_key.digest(key), "prefix": api_key.shown(key)}


def in_order(permissions: Sequence[Permission]) -> list[Permission]:
    """Each once, in one order."""
    return [known for known in PERMISSIONS if known in permissions]


def refuse_past(expires_at: datetime | None, at: datetime) -> None:
    """Raises InvalidError for a key that would expire at once."""
    if expires_at is not None and expires_at <= at:
        message = "must be in the future"
        raise InvalidError(f"expires_at {message}.", details=[FieldError("expires_at", message)])


def refuse_mode(creator: Subject, mode: Mode) -> None:
    """Raises PermissionDeniedError unless the caller may make keys of this mode.

    Otherwise anyone who can rehearse could give himself a key that spends money.
    """
    if mode == "live" and creator.mode != "live":
        raise PermissionDeniedError(
            "A live key is made by a live admin key or with `kyros keys create --mode live`."
        )
