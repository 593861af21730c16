"""What people let applications do: given with a code, and revoked."""

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import cast, insert, or_, select, update
from sqlalchemy.dialects.postgresql import JSONB

from kyros_worker.audit.actor import Actor
from kyros_worker.audit.write import write_entry
from kyros_worker.auth.subject import Permission
from kyros_worker.clock import now
from kyros_worker.database import Connection
from kyros_worker.errors import NotFoundError
from kyros_worker.ids import new_id
from kyros_worker.oauth2 import secret
from kyros_worker.oauth2.queries import LIVE, KnownApplication
from kyros_worker.oauth2.tables import Code, Grant, Token

CODE_LIVES = timedelta(seconds=60)


def allow(
    connection: Connection,
    actor: Actor,
    application: KnownApplication,
    user_id: str,
    permissions: Sequence[Permission],
    *,
    redirect_uri: str | None,
    code_challenge: str | None,
) -> str:
    """The code by which the application gets what the person lets it do.

    Each consent is a grant of its own, so that one stolen token ends one sign-in, not all of them.
    """
    at = now()
    grant_id = new_id("grant", at)
    row = {"id": grant_id, "application_id": application.id, "user_id": user_id}
    connection.execute(insert(Grant).values(**row, permissions=list(permissions), created_at=at))
    code = secret.make("code")
    connection.execute(
        insert(Code).values(
            hash=secret.digest(code),
            grant_id=grant_id,
            redirect_uri=redirect_uri,
            code_challenge=code_challenge,
            created_at=at,
            expires_at=at + CODE_LIVES,
        )
    )
    _tell(connection, actor, "create", grant_id, application.id, user_id, permissions)
    return code


def has_allowed(
    connection: Connection,
    application: KnownApplication,
    user_id: str,
    permissions: Sequence[Permission],
) -> bool:
    """Whether the person lets the application do this already, and need not be asked again.

    Never for a public application: another one can claim its id (RFC 8252, section 8.6).
    """
    if application.public:
        return False
    given = cast(Grant.permissions, JSONB)
    found = (
        select(Grant.id)
        .join(Token, Token.grant_id == Grant.id)
        .where(
            Grant.application_id == application.id,
            Grant.user_id == user_id,
            Grant.revoked_at.is_(None),
            or_(given.contains(list(permissions)), given.contains(["admin"])),
            *LIVE,
        )
    )
    return bool(connection.execute(select(found.exists())).scalar_one())


def revoke_own(connection: Connection, actor: Actor, user_id: str, grant_id: str) -> None:
    """Ends what a person lets an application do: its tokens are refused within two seconds.

    Raises NotFoundError where the person has given no such grant.
    """
    wanted = select(Grant.id).where(Grant.id == grant_id, Grant.user_id == user_id)
    if connection.execute(wanted).one_or_none() is None:
        raise NotFoundError("You have let no application do that.")
    end(connection, actor, grant_id, "revoke")


def end_all(connection: Connection, actor: Actor, user_id: str) -> None:
    """Ends whatever that person lets applications do; one audit entry tells of all."""
    still = update(Grant).where(Grant.user_id == user_id, Grant.revoked_at.is_(None))
    if count := connection.execute(still.values(revoked_at=now())).rowcount:
        write_entry(connection, actor, "oauth2_grant.revoke", user_id, grants=count)


def end(connection: Connection, actor: Actor, grant_id: str, why: str) -> None:
    """Revokes a grant, once: `why` is `revoke`, or `reuse` of what could be used once."""
    statement = (
        update(Grant)
        .where(Grant.id == grant_id, Grant.revoked_at.is_(None))
        .values(revoked_at=now())
        .returning(Grant.application_id, Grant.user_id, Grant.permissions)
    )
    row = connection.execute(statement).one_or_none()
    if row is not None:
        _tell(connection, actor, why, grant_id, row.application_id, row.user_id, row.permissions)


def _tell(
    connection: Connection,
    actor: Actor,
    verb: str,
    grant_id: str,
    application_id: str,
    user_id: str | None,
    permissions: Sequence[str],
) -> None:
    write_entry(
        connection,
        actor,
        f"oauth2_grant.{verb}",
        grant_id,
        application=application_id,
        user=user_id,
        permissions=list(permissions),
    )
