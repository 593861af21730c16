"""Signing in with an e-mail address and a password.

No transaction is held while a password is hashed, so what was compared is looked at again when the
session begins.
"""

from dataclasses import replace
from typing import NoReturn

from sqlalchemy import Row, select, update

from kyros_worker.audit.actor import Actor
from kyros_worker.audit.write import write_entry
from kyros_worker.clock import now
from kyros_worker.database import Connection, read, transaction
from kyros_worker.email_address import is_email, normalised
from kyros_worker.errors import UnauthenticatedError
from kyros_worker.user.failures import counted_try, forget_failures
from kyros_worker.user.password import hash_password, is_password, must_hash_again
from kyros_worker.user.session import begin_session
from kyros_worker.user.tables import User

#: The id and what is stored of the password.
_Found = Row[str, str]


def sign_in(
    email: str, password: str, *, address: str | None, request_id: str | None, user_agent: str
) -> str:
    """The cookie of a new session.

    Raises UnauthenticatedError with one sentence whatever is wrong; TooManyRequestsError with
    `Retry-After` after many wrong passwords, whether somebody has the address or not; and
    UnavailableError when too many sign in at once. A try that has to wait leaves no audit entry:
    each of those that made it wait has left one.
    """
    email = normalised(email)
    who = Actor(None, address, request_id)
    with counted_try(email, address):
        user = _find(email) if is_email(email) else None
        right = is_password(password, user.password_hash if user else None)
    if not right or user is None:
        _refuse(who, user)
    cookie = _begin(who, email, user, password, user_agent)
    if cookie is None:
        # Another sign-in may have made the hash anew meanwhile, of the same password.
        renewed = _find(email)
        if (
            renewed is not None
            and renewed.password_hash != user.password_hash
            and is_password(password, renewed.password_hash)
        ):
            cookie = _begin(who, email, renewed, password, user_agent)
    if cookie is None:
        _refuse(who, user)
    return cookie


def _find(email: str) -> _Found | None:
    columns = (User.id, User.password_hash)
    with read() as connection:
        return connection.execute(select(*columns).where(User.email == email)).one_or_none()


def _begin(who: Actor, email: str, user: _Found, password: str, user_agent: str) -> str | None:
    """The cookie of a new session; None when the user is no more what was compared."""
    new_hash = hash_password(password) if must_hash_again(user.password_hash) else None
    with transaction() as connection:
        if not _let_in(connection, user, new_hash):
            return None
        forget_failures(connection, email, who.address)
        session_id, cookie = begin_session(
            connection, user.id, address=who.address, user_agent=user_agent
        )
        actor = replace(who, id=user.id)
        write_entry(connection, actor, "session.begin", session_id, user_id=user.id)
        return cookie


def _let_in(connection: Connection, user: _Found, new_hash: str | None) -> bool:
    """Whether the user is enabled and the password still the one that was compared."""
    still = (
        update(User)
        .where(
            User.id == user.id,
            User.password_hash == user.password_hash,
            User.disabled_at.is_(None),
        )
        .values(last_sign_in_at=now(), password_hash=new_hash or user.password_hash)
    )
    return bool(connection.execute(still).rowcount)


def _refuse(who: Actor, user: _Found | None) -> NoReturn:
    with transaction() as connection:
        # Not what was typed in the address's place: it may have been a password.
        write_entry(connection, who, "session.refuse", user.id if user else None)
    raise UnauthenticatedError("The address or the password is wrong.")
