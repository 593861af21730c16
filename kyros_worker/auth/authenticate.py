"""From a bearer token to who is calling.

What a token stands for is remembered for under two seconds in each process, so a revoked key is
refused everywhere within two seconds and a busy key costs one query in that time. Unknown tokens
are not remembered: a new key works at once.
"""

import logging
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NoReturn

from sqlalchemy import or_, select, update
from sqlalchemy.exc import SQLAlchemyError

from kyros_worker.auth import api_key
from kyros_worker.auth.subject import Subject
from kyros_worker.auth.tables import ApiKey
from kyros_worker.clock import now
from kyros_worker.database import read, transaction
from kyros_worker.errors import UnauthenticatedError

REMEMBERED_SECONDS = 1.5
USE_RECORDED_EVERY = timedelta(minutes=1)
_MOST_REMEMBERED = 10_000

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Known:
    subject: Subject
    expires_at: datetime | None
    read_at: float


#: By the token's hash, so that no secret lies in memory for longer than its request.
_remembered: dict[str, _Known] = {}


def authenticate(token: str) -> Subject:
    """Who is calling with this token.

    Raises UnauthenticatedError, with the same sentence whatever is wrong with the token.
    """
    if api_key.mode_of(token) is None:
        _refuse()
    # Found by its hash: how long the search takes tells nothing about any key.
    digest = api_key.digest(token)
    known = _remembered.get(digest)
    if known is None or time.monotonic() - known.read_at > REMEMBERED_SECONDS:
        known = _look_up(digest)
    if known.expires_at is not None and known.expires_at <= now():
        _refuse()
    return known.subject


def forget() -> None:
    """Forget every token of this process, as its end would."""
    _remembered.clear()


def _look_up(digest: str) -> _Known:
    _remembered.pop(digest, None)
    read_at = time.monotonic()
    columns = (ApiKey.id, ApiKey.mode, ApiKey.permissions, ApiKey.expires_at, ApiKey.last_used_at)
    wanted = select(*columns).where(ApiKey.hash == digest, ApiKey.revoked_at.is_(None))
    with read() as connection:
        row = connection.execute(wanted).one_or_none()
    if row is None:
        _refuse()
    subject = Subject(id=row.id, mode=row.mode, permissions=frozenset(row.permissions))
    known = _Known(subject, row.expires_at, read_at)
    if len(_remembered) >= _MOST_REMEMBERED:
        _remembered.clear()
    _remembered[digest] = known
    if row.last_used_at is None or row.last_used_at < now() - USE_RECORDED_EVERY:
        _record_use(row.id)
    return known


def _record_use(key_id: str) -> None:
    """Write the time of use; a row that another process holds is being written already."""
    at = now()
    due = (
        select(ApiKey.id)
        .where(
            ApiKey.id == key_id,
            or_(ApiKey.last_used_at.is_(None), ApiKey.last_used_at < at - USE_RECORDED_EVERY),
        )
        .with_for_update(skip_locked=True)
        .scalar_subquery()
    )
    try:
        with transaction() as connection:
            connection.execute(update(ApiKey).where(ApiKey.id == due).values(last_used_at=at))
    except SQLAlchemyError:
        _log.warning("the last use of %s could not be recorded", key_id, exc_info=True)


def _refuse() -> NoReturn:
    raise UnauthenticatedError("The credential is not valid, has expired or was revoked.")
