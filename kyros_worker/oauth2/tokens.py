"""Tokens: given for a code, for a refresh token, or to an application for itself; revoked.

A refresh token can be used once and gives the next one (RFC 9700, section 4.14.2). Whoever comes
with one that was used has stolen it, or was stolen from: the whole grant is revoked, so that the
thief is out and the person is asked anew. The same goes for a code (RFC 6749, section 4.1.2).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, cast

from sqlalchemy import func, insert, select, update

from kyros_worker.audit.actor import Actor
from kyros_worker.audit.write import write_entry
from kyros_worker.auth.subject import PERMISSIONS_OF, Permission, Role
from kyros_worker.clock import now
from kyros_worker.database import Connection
from kyros_worker.ids import new_id
from kyros_worker.oauth2 import secret
from kyros_worker.oauth2.grants import end
from kyros_worker.oauth2.queries import KnownApplication
from kyros_worker.oauth2.scope import limited
from kyros_worker.oauth2.tables import Application, Code, Grant, Token
from kyros_worker.user.tables import User

ACCESS_TOKEN_LIVES = timedelta(hours=1)
REFRESH_TOKEN_LIVES = timedelta(days=30)

Kind = Literal["access", "refresh"]


@dataclass(frozen=True)
class Issued:
    """Tokens as they are given, this once."""

    access_token: str
    refresh_token: str | None
    permissions: list[Permission]


@dataclass(frozen=True)
class FoundCode:
    """A code that is known here, whether it can still be used or not."""

    hash: str
    redirect_uri: str | None
    code_challenge: str | None


@dataclass(frozen=True)
class FoundToken:
    """A token that is known here, whether it can still be used or not."""

    hash: str
    grant_id: str
    application_id: str
    #: `access` or `refresh`.
    kind: str
    permissions: list[str]


def time_of_database(connection: Connection) -> datetime:
    """What time it is by the clock that all hosts share."""
    at: datetime = connection.execute(select(func.clock_timestamp())).scalar_one()
    return at


def find_code(connection: Connection, application_id: str, code: str) -> FoundCode | None:
    """The code, when it was given to that application."""
    wanted = (
        select(Code.hash, Code.redirect_uri, Code.code_challenge)
        .join(Grant, Grant.id == Code.grant_id)
        .where(Code.hash == secret.digest(code), Grant.application_id == application_id)
    )
    row = connection.execute(wanted).one_or_none()
    return None if row is None else FoundCode(*row)


def find_token(connection: Connection, token: str) -> FoundToken | None:
    """The token, whosever it is."""
    wanted = (
        select(Token.hash, Token.grant_id, Grant.application_id, Token.kind, Token.permissions)
        .join(Grant, Grant.id == Token.grant_id)
        .where(Token.hash == secret.digest(token))
    )
    row = connection.execute(wanted).one_or_none()
    return None if row is None else FoundToken(*row)


def exchange_code(connection: Connection, actor: Actor, code: FoundCode) -> Issued | None:
    """The tokens for a code; None when it can't be used.

    One that was used before, be it a moment ago, also ends what was given for it: only its commit
    makes that so, so nothing is raised here.
    """
    wanted = _standing(Code).where(Code.hash == code.hash).with_for_update(of=Code.__table__)
    row = connection.execute(wanted).one()
    if row.used_at is not None:
        end(connection, actor, row.grant_id, "reuse")
        return None
    permissions = limited(row.grant_permissions, *_limits(row))
    if row.expires_at <= now() or not _stands(row) or not permissions:
        return None
    connection.execute(update(Code).where(Code.hash == code.hash).values(used_at=now()))
    return _issue(connection, row.grant_id, permissions, row.grant_permissions)


def refresh(
    connection: Connection,
    actor: Actor,
    token: FoundToken,
    asked: Sequence[str] | None,
    began_at: datetime,
) -> Issued | None:
    """The next tokens for a refresh token; None when it can't be used.

    One that was used before ends the whole grant, as above, unless the other use came while this
    request, which began then by the database's clock, was already on its way: of two that a client
    sends at once one wins, and the other gets nothing. With `asked` the access token may do only
    that much.
    """
    wanted = _standing(Token).where(Token.hash == token.hash).with_for_update(of=Token.__table__)
    row = connection.execute(wanted).one()
    if row.used_at is not None:
        if row.used_at < began_at:
            end(connection, actor, row.grant_id, "reuse")
        return None
    permissions = limited(token.permissions if asked is None else asked, *_limits(row))
    if row.expires_at <= now() or not _stands(row) or not permissions:
        return None
    used = update(Token).where(Token.hash == token.hash).values(used_at=func.clock_timestamp())
    connection.execute(used)
    return _issue(connection, row.grant_id, permissions, token.permissions)


def issue_to_itself(
    connection: Connection, application: KnownApplication, permissions: Sequence[Permission]
) -> Issued | None:
    """An access token by which the application acts for itself; None when it was just deleted."""
    at = now()
    # Two at once must not both find no grant.
    lock = select(Application.id).where(
        Application.id == application.id, Application.deleted_at.is_(None)
    )
    if connection.execute(lock.with_for_update()).one_or_none() is None:
        return None
    wanted = select(Grant.id).where(
        Grant.application_id == application.id,
        Grant.user_id.is_(None),
        Grant.revoked_at.is_(None),
    )
    grant_id = connection.execute(wanted).scalars().first()
    if grant_id is None:
        grant_id = new_id("grant", at)
        row = {"id": grant_id, "application_id": application.id, "created_at": at}
        connection.execute(insert(Grant).values(**row, permissions=application.permissions))
    return _issue(connection, grant_id, permissions, None)


def revoke(connection: Connection, actor: Actor, token: FoundToken) -> None:
    """Ends an access token, or with a refresh token the whole grant (RFC 7009, section 2.1)."""
    if token.kind == "refresh":
        end(connection, actor, token.grant_id, "revoke")
        return
    ended = update(Token).where(Token.hash == token.hash, Token.revoked_at.is_(None))
    if connection.execute(ended.values(revoked_at=now())).rowcount:
        write_entry(
            connection,
            actor,
            "oauth2_token.revoke",
            token.grant_id,
            application=token.application_id,
        )


def _standing(once: type[Code | Token]) -> Any:
    """A code or token, with what it depends on."""
    return (
        select(once.used_at, once.expires_at, once.grant_id)
        .add_columns(
            Grant.user_id,
            Grant.revoked_at,
            Grant.permissions.label("grant_permissions"),
            Application.permissions.label("application_permissions"),
            User.role,
            User.disabled_at,
        )
        .join(Grant, Grant.id == once.grant_id)
        .join(Application, Application.id == Grant.application_id)
        .outerjoin(User, User.id == Grant.user_id)
    )


def _stands(row: Any) -> bool:
    """Whether neither the grant nor its person has ended; a deleted application's has."""
    return row.revoked_at is None and row.disabled_at is None


def _limits(row: Any) -> tuple[Sequence[str], ...]:
    """The most that a grant can give now: the application's and the person's permissions."""
    theirs = PERMISSIONS_OF.get(cast("Role", row.role), frozenset())
    return (row.application_permissions, tuple(theirs))


def _issue(
    connection: Connection,
    grant_id: str,
    permissions: Sequence[Permission],
    refreshable: Sequence[str] | None,
) -> Issued:
    """`refreshable` is what the refresh token can give; None for no refresh token."""
    access_token = secret.make("access token")
    _keep(connection, grant_id, "access", access_token, permissions, ACCESS_TOKEN_LIVES)
    refresh_token = None
    if refreshable is not None:
        refresh_token = secret.make("refresh token")
        _keep(connection, grant_id, "refresh", refresh_token, refreshable, REFRESH_TOKEN_LIVES)
    return Issued(access_token, refresh_token, list(permissions))


def _keep(
    connection: Connection,
    grant_id: str,
    kind: Kind,
    token: str,
    permissions: Sequence[str],
    lives: timedelta,
) -> None:
    at = now()
    connection.execute(
        insert(Token).values(
            hash=secret.digest(token),
            grant_id=grant_id,
            kind=kind,
            permissions=list(permissions),
            created_at=at,
            expires_at=at + lives,
        )
    )
