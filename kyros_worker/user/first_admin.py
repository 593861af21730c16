"""The first user of a deployment, an admin."""

from dataclasses import dataclass

from sqlalchemy import Select, func, select

from kyros_worker.audit.actor import SYSTEM
from kyros_worker.database import Connection
from kyros_worker.settings import Settings
from kyros_worker.user.accounts import create_user
from kyros_worker.user.password import hash_password, make_password
from kyros_worker.user.tables import User

#: Any number that no one else locks by: two processes that start at once make one admin.
_LOCK = 7_311_000_002
_ANYBODY: Select[str] = select(User.id).limit(1)


@dataclass(frozen=True)
class FirstAdmin:
    """By what the first admin signs in."""

    email: str
    password: str


def first_admin(connection: Connection, settings: Settings) -> FirstAdmin | None:
    """Makes an admin where there is no user, and answers the password this once; else None."""
    connection.execute(select(func.pg_advisory_xact_lock(_LOCK)))
    if connection.execute(_ANYBODY).first() is not None:
        return None
    made = FirstAdmin(settings.admin_email, make_password())
    create_user(
        connection,
        SYSTEM,
        email=made.email,
        name="Admin",
        role="admin",
        # Made in the transaction, as nowhere else: only another first start waits for it.
        password_hash=hash_password(made.password),
    )
    return made
