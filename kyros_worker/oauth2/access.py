"""From an access token to who is calling, remembered for a moment as API keys are."""

from typing import cast

from sqlalchemy import select

from kyros_worker.auth.remembered import Found, Remembered
from kyros_worker.auth.subject import PERMISSIONS_OF, Role, Subject
from kyros_worker.database import read
from kyros_worker.oauth2 import secret
from kyros_worker.oauth2.scope import limited
from kyros_worker.oauth2.tables import Application, Grant, Token
from kyros_worker.settings import current
from kyros_worker.user.tables import User


def authenticate_access_token(token: str) -> Subject:
    """Who is calling with this token: a person through an application, or an application.

    He may do what the token says, as far as his role and the application's registration allow it
    now. Raises UnauthenticatedError, with the same sentence whatever is wrong with the token.
    """
    return _remembered.subject(secret.digest(token))


def forget() -> None:
    """Forget every token of this process, as its end would: tests alone need it."""
    _remembered.forget()


def _look_up(digest: str) -> Found | None:
    wanted = (
        select(Token.permissions, Token.expires_at, Grant.user_id, Grant.application_id)
        .add_columns(
            Application.permissions.label("application_permissions"),
            Application.acts_for_itself,
            User.role,
        )
        .join(Grant, Grant.id == Token.grant_id)
        .join(Application, Application.id == Grant.application_id)
        .outerjoin(User, User.id == Grant.user_id)
        .where(Token.hash == digest, Token.kind == "access", Token.revoked_at.is_(None))
        .where(Grant.revoked_at.is_(None), Application.deleted_at.is_(None))
        .where(User.disabled_at.is_(None))
    )
    with read() as connection:
        row = connection.execute(wanted).one_or_none()
    if row is None or (row.user_id is None and not row.acts_for_itself):
        return None
    limits = [row.application_permissions]
    if row.user_id is not None:
        limits.append(PERMISSIONS_OF.get(cast("Role", row.role), frozenset()))
    subject = Subject(
        id=row.user_id or row.application_id,
        mode="test" if current().test_mode else "live",
        permissions=frozenset(limited(row.permissions, *limits)),
        kind="oauth2",
        via=row.application_id if row.user_id else None,
    )
    return subject, row.expires_at


_remembered = Remembered(_look_up)
