"""From an API key to who is calling."""

from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, or_, select

from kyros_worker.auth import api_key
from kyros_worker.auth.last_use import record_use
from kyros_worker.auth.remembered import Found, Remembered
from kyros_worker.auth.subject import INVALID_CREDENTIAL, Subject
from kyros_worker.auth.tables import ApiKey
from kyros_worker.database import read
from kyros_worker.errors import UnauthenticatedError


def authenticate(token: str) -> Subject:
    """Who is calling with this token.

    Raises UnauthenticatedError, with the same sentence whatever is wrong with the token.
    """
    if api_key.mode_of(token) is None:
        raise UnauthenticatedError(INVALID_CREDENTIAL)
    # Found by its hash: how long the search takes tells nothing about any key.
    return _remembered.subject(api_key.digest(token))


def forget() -> None:
    """Forget every key of this process, as its end would: tests alone need it."""
    _remembered.forget()


def _look_up(digest: str) -> Found | None:
    with read() as connection:
        row = connection.execute(_WANTED, {"digest": digest}).one_or_none()
    if row is None:
        return None
    record_use(ApiKey.id, ApiKey.last_used_at, row.id, row.last_used_at)
    subject = Subject(
        id=row.id,
        mode=row.mode,
        permissions=frozenset(row.permissions),
        rate_limit=row.rate_limit,
    )
    return subject, _end(row, digest)


#: A key by its secret, or by the one before it.
_WANTED = select(
    ApiKey.id,
    ApiKey.hash,
    ApiKey.mode,
    ApiKey.permissions,
    ApiKey.rate_limit,
    ApiKey.expires_at,
    ApiKey.previous_expires_at,
    ApiKey.last_used_at,
).where(
    or_(ApiKey.hash == bindparam("digest"), ApiKey.previous_hash == bindparam("digest")),
    ApiKey.revoked_at.is_(None),
)


def _end(row: Any, digest: str) -> datetime | None:
    """When the secret ends: with its key, and one that was replaced with its overlap."""
    ends = [row.expires_at, None if row.hash == digest else row.previous_expires_at]
    return min((end for end in ends if end is not None), default=None)


_remembered = Remembered(_look_up)
