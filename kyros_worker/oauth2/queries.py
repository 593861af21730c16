"""Reading applications and what people let them do; no record holds a secret or its hash."""

import hmac
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select

from kyros_worker.clock import rfc3339
from kyros_worker.database import Connection
from kyros_worker.errors import NotFoundError
from kyros_worker.ids import is_id
from kyros_worker.oauth2 import secret
from kyros_worker.oauth2.tables import Application, Grant, Token
from kyros_worker.user.tables import User

#: What a record is made of, in the order of `application_record`.
APPLICATION_COLUMNS = (
    Application.id,
    Application.name,
    Application.secret_hash.is_(None).label("public"),
    Application.redirect_uris,
    Application.permissions,
    Application.acts_for_itself,
    Application.created_by,
    Application.created_at,
    Application.updated_at,
)


@dataclass(frozen=True)
class KnownApplication:
    """An application, as far as the protocol needs to know it."""

    id: str
    name: str
    secret_hash: str | None
    redirect_uris: list[str]
    permissions: list[str]
    acts_for_itself: bool
    created_by: str

    @property
    def public(self) -> bool:
        """Whether it can keep no secret."""
        return self.secret_hash is None

    def has_secret(self, client_secret: str) -> bool:
        """Whether this is its secret; compared in constant time."""
        if self.secret_hash is None:
            return False
        return hmac.compare_digest(self.secret_hash, secret.digest(client_secret))


def known_application(connection: Connection, application_id: str) -> KnownApplication | None:
    """The application of that `client_id`, if there is one."""
    if not is_id("oac", application_id):
        return None
    names = KnownApplication.__dataclass_fields__
    columns = [Application.__table__.c[name] for name in names]
    wanted = select(*columns).where(
        Application.id == application_id, Application.deleted_at.is_(None)
    )
    row = connection.execute(wanted).one_or_none()
    return None if row is None else KnownApplication(*row)


def newest_applications(
    connection: Connection, limit: int, after: str | None = None
) -> list[dict[str, Any]]:
    """The records, newest first, going on after that id."""
    wanted = select(*APPLICATION_COLUMNS).where(Application.deleted_at.is_(None))
    if after is not None:
        wanted = wanted.where(Application.id < after)
    found = connection.execute(wanted.order_by(Application.id.desc()).limit(limit))
    return [application_record(row) for row in found]


def application(connection: Connection, application_id: str) -> dict[str, Any]:
    """One record. Raises NotFoundError."""
    wanted = select(*APPLICATION_COLUMNS).where(
        Application.id == application_id, Application.deleted_at.is_(None)
    )
    known = is_id("oac", application_id)
    row = connection.execute(wanted).one_or_none() if known else None
    if row is None:
        raise NotFoundError("There is no such application.")
    return application_record(row)


def registered_by(connection: Connection, known: KnownApplication) -> str:
    """Who registered it, for a person: an e-mail address where it was a user."""
    wanted = select(User.email).where(User.id == known.created_by)
    return connection.execute(wanted).scalar_one_or_none() or known.created_by


def application_record(row: Any) -> dict[str, Any]:
    """A row of `APPLICATION_COLUMNS` as JSON."""
    return {
        "id": row.id,
        "name": row.name,
        "public": row.public,
        "redirect_uris": row.redirect_uris,
        "permissions": row.permissions,
        "acts_for_itself": row.acts_for_itself,
        "created_by": row.created_by,
        "created_at": rfc3339(row.created_at),
        "updated_at": rfc3339(row.updated_at),
    }


def grants_of(connection: Connection, user_id: str, limit: int) -> list[dict[str, Any]]:
    """What the person lets applications do at present, the newest first, at most that many.

    One that has no token left that could still be used is no more.
    """
    refreshed_at = func.max(Token.created_at)
    wanted = (
        select(
            Grant.id, Grant.application_id, Application.name, Grant.permissions, Grant.created_at
        )
        .add_columns(refreshed_at.label("refreshed_at"))
        .join(Application, Application.id == Grant.application_id)
        .join(Token, Token.grant_id == Grant.id)
        .where(
            Grant.user_id == user_id, Grant.revoked_at.is_(None), Application.deleted_at.is_(None)
        )
        .where(*LIVE)
        # Grouped by its key alone: json has no equality.
        .group_by(Grant.id, Application.id)
        .order_by(Grant.id.desc())
        .limit(limit)
    )
    return [
        {
            "id": row.id,
            "application_id": row.application_id,
            "application": row.name,
            "permissions": row.permissions,
            "created_at": rfc3339(row.created_at),
            "last_refreshed_at": rfc3339(row.refreshed_at),
        }
        for row in connection.execute(wanted)
    ]


#: A token that could still be used, as far as itself goes.
LIVE = (Token.used_at.is_(None), Token.revoked_at.is_(None), Token.expires_at > func.now())
