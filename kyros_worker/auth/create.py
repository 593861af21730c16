"""Making an API key."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import insert

from kyros_worker import ids
from kyros_worker.auth import api_key
from kyros_worker.auth.queries import COLUMNS, record
from kyros_worker.auth.subject import PERMISSIONS, Mode, Permission, Subject
from kyros_worker.auth.tables import ApiKey
from kyros_worker.clock import now
from kyros_worker.database import Connection
from kyros_worker.errors import FieldError, InvalidError, PermissionDeniedError

MAX_NAME_LENGTH = 100


def create(
    connection: Connection,
    *,
    name: str,
    permissions: Sequence[Permission],
    mode: Mode,
    created_by: str,
    expires_at: datetime | None = None,
    key: str | None = None,
) -> dict[str, Any]:
    """The new key's record with `key`, the secret, which is nowhere else.

    The key is made here unless one is given. Raises InvalidError when it would expire at once.
    """
    at = now()
    if expires_at is not None and expires_at <= at:
        raise InvalidError(
            "expires_at must be in the future.",
            details=[FieldError("expires_at", "must be in the future")],
        )
    key = key or api_key.make(mode)
    statement = insert(ApiKey).values(
        id=ids.new_id("key", at),
        name=name,
        hash=api_key.digest(key),
        prefix=api_key.shown(key),
        mode=mode,
        permissions=[known for known in PERMISSIONS if known in permissions],
        created_by=created_by,
        created_at=at,
        expires_at=expires_at,
    )
    row = connection.execute(statement.returning(*COLUMNS)).one()
    return {**record(row), "key": key}


def refuse_mode(creator: Subject, mode: Mode) -> None:
    """Raises PermissionDeniedError unless the caller may make keys of this mode.

    Otherwise anyone who can rehearse could give himself a key that spends money.
    """
    if mode == "live" and creator.mode != "live":
        raise PermissionDeniedError(
            "A live key is made by a live admin key or with `kyros keys create --mode live`."
        )
