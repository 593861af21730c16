"""Sessions: a browser in which a person has signed in, known by a cookie.

The cookie is 256 random bits, new at every sign-in, and only its SHA-256 is stored. A session ends
after 24 hours without use, after 7 days at most, when the person or an admin ends it, and at once
when the user is disabled. What the user may do is read anew at every request.
"""

import hmac
import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from sqlalchemy import delete, insert, or_, select

from kyros_worker.audit.actor import Actor
from kyros_worker.audit.write import write_entry
from kyros_worker.auth.last_use import record_use
from kyros_worker.auth.subject import PERMISSIONS_OF, Subject
from kyros_worker.clock import now, rfc3339
from kyros_worker.database import Connection, read
from kyros_worker.errors import NotFoundError, UnauthenticatedError
from kyros_worker.ids import is_id, new_id
from kyros_worker.settings import current
from kyros_worker.user.tables import Session, User

LASTS_AT_MOST = timedelta(days=7)
IDLE_AT_MOST = timedelta(hours=24)
_COOKIE_BYTES = 32
_COOKIE = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)
_USER_AGENT_LENGTH = 300
_ENDED = "The session has ended. Sign in again."


@dataclass(frozen=True)
class SignedIn:
    """A person in the session of a cookie."""

    session_id: str
    user_id: str
    email: str
    name: str
    subject: Subject
    #: What the page's own requests carry and no other site can know.
    csrf_token: str


def authenticate_session(cookie: str) -> SignedIn:
    """Who has signed in with this cookie.

    Raises UnauthenticatedError, with the same sentence whatever is wrong with it.
    """
    at = now()
    digest = _digest(cookie) if _COOKIE.fullmatch(cookie) else None
    columns = (Session.id, Session.last_seen_at, User.id.label("user_id"))
    wanted = (
        select(*columns, User.email, User.name, User.role)
        .join(User, User.id == Session.user_id)
        .where(Session.hash == digest, *_alive(at), User.disabled_at.is_(None))
    )
    with read() as connection:
        row = None if digest is None else connection.execute(wanted).one_or_none()
    if row is None:
        raise UnauthenticatedError(_ENDED)
    record_use(Session.id, Session.last_seen_at, row.id, row.last_seen_at)
    return SignedIn(
        session_id=row.id,
        user_id=row.user_id,
        email=row.email,
        name=row.name,
        subject=Subject(
            id=row.user_id,
            mode="test" if current().test_mode else "live",
            permissions=PERMISSIONS_OF.get(row.role, frozenset()),
            kind="session",
        ),
        csrf_token=_csrf_token(cookie),
    )


def begin_session(
    connection: Connection, user_id: str, *, address: str | None, user_agent: str
) -> tuple[str, str]:
    """The id of a new session of that user, and its cookie, which is nowhere else."""
    at = now()
    session_id, cookie = new_id("ses", at), secrets.token_urlsafe(_COOKIE_BYTES)
    row = {
        "id": session_id,
        "hash": _digest(cookie),
        "user_id": user_id,
        "address": address,
        "user_agent": _printable(user_agent),
        "created_at": at,
        "last_seen_at": at,
        "expires_at": at + LASTS_AT_MOST,
    }
    connection.execute(insert(Session).values(**row))
    return session_id, cookie


def hold_session(connection: Connection, session_id: str) -> None:
    """Lets nobody end the session before the transaction has ended.

    Who ends it together with what began in its name finds both, then. Raises UnauthenticatedError
    where it has been ended.
    """
    still = select(Session.id).where(Session.id == session_id)
    if connection.execute(still.with_for_update(read=True, key_share=True)).first() is None:
        raise UnauthenticatedError(_ENDED)


def end_session(connection: Connection, actor: Actor, session_id: str, user_id: str) -> None:
    """Ends a session of that user; raises NotFoundError where there is no such."""
    statement = delete(Session).where(Session.id == session_id, Session.user_id == user_id)
    if not is_id("ses", session_id) or not connection.execute(statement).rowcount:
        raise NotFoundError("There is no such session.")
    write_entry(connection, actor, "session.end", session_id, user_id=user_id)


def end_all_sessions(connection: Connection, user_id: str, *, but: str | None = None) -> int:
    """Ends every session of that user, but the one of that id; how many there were.

    Who asks writes the audit entry.
    """
    statement = delete(Session).where(Session.user_id == user_id)
    if but is not None:
        statement = statement.where(Session.id != but)
    return connection.execute(statement).rowcount


def sign_out_everywhere(
    connection: Connection, actor: Actor, user_id: str, *, but: str | None = None
) -> int:
    """Ends every session of that user, but the one of that id; how many there were."""
    count = end_all_sessions(connection, user_id, but=but)
    write_entry(connection, actor, "session.end", user_id, sessions=count)
    return count


def list_sessions(connection: Connection, user_id: str, limit: int) -> list[dict[str, Any]]:
    """The newest sessions of that user that have not ended, without anything secret."""
    columns = (
        Session.id, Session.address, Session.user_agent, Session.created_at, Session.last_seen_at,
        Session.expires_at,
    )  # fmt: skip
    wanted = select(*columns).where(Session.user_id == user_id, *_alive(now()))
    found = connection.execute(wanted.order_by(Session.id.desc()).limit(limit)).mappings()
    times = ("created_at", "last_seen_at", "expires_at")
    return [{**row, **{name: rfc3339(row[name]) for name in times}} for row in found]


def forget_ended_sessions(connection: Connection, limit: int) -> int:
    """Deletes the rows of sessions that have ended by themselves, at most that many; how many."""
    at = now()
    ended = (
        select(Session.id)
        .where(or_(Session.expires_at <= at, Session.last_seen_at <= at - IDLE_AT_MOST))
        .limit(limit)
        .with_for_update(skip_locked=True)
        .cte("ended")
    )
    return connection.execute(delete(Session).where(Session.id == ended.c.id)).rowcount


def _alive(at: datetime) -> tuple[Any, Any]:
    return Session.expires_at > at, Session.last_seen_at > at - IDLE_AT_MOST


def _digest(cookie: str) -> str:
    return sha256(cookie.encode()).hexdigest()


def _csrf_token(cookie: str) -> str:
    # Keyed by the cookie itself: who reads the stored hash can't make one.
    return hmac.new(cookie.encode(), b"kyros csrf token", sha256).hexdigest()


def _printable(user_agent: str) -> str:
    return "".join(each for each in user_agent if each.isprintable())[:_USER_AGENT_LENGTH]
