"""Reading users: the records that people see, which never hold the password's hash."""

from typing import Any

from sqlalchemy import select

from kyros_worker.clock import rfc3339, rfc3339_or_none
from kyros_worker.database import Connection
from kyros_worker.email_address import is_email, normalised
from kyros_worker.errors import NotFoundError
from kyros_worker.ids import is_id
from kyros_worker.user.tables import User

#: What a record is made of.
COLUMNS = (
    User.id,
    User.email,
    User.name,
    User.role,
    User.created_by,
    User.created_at,
    User.password_changed_at,
    User.last_sign_in_at,
    User.disabled_at,
)


def find_user(connection: Connection, named: str) -> dict[str, Any]:
    """The record of the user of that id or e-mail address; raises NotFoundError without one."""
    query = select(*COLUMNS)
    if is_id("usr", named):
        query = query.where(User.id == named)
    elif is_email(normalised(named)):
        query = query.where(User.email == normalised(named))
    else:
        raise no_such_user()
    row = connection.execute(query).one_or_none()
    if row is None:
        raise no_such_user()
    return record(row)


def newest_users(
    connection: Connection, limit: int, after: str | None = None
) -> list[dict[str, Any]]:
    """The records of the users, newest first, going on after that id."""
    query = select(*COLUMNS).order_by(User.id.desc()).limit(limit)
    if after is not None:
        query = query.where(User.id < after)
    return [record(row) for row in connection.execute(query)]


def record(row: Any) -> dict[str, Any]:
    """A row of `COLUMNS` as JSON."""
    return {
        "id": row.id,
        "email": row.email,
        "name": row.name,
        "role": row.role,
        "created_by": row.created_by,
        "created_at": rfc3339(row.created_at),
        "password_changed_at": rfc3339(row.password_changed_at),
        "last_sign_in_at": rfc3339_or_none(row.last_sign_in_at),
        "disabled_at": rfc3339_or_none(row.disabled_at),
    }


def no_such_user() -> NotFoundError:
    """The error of an id or an address that nobody has."""
    return NotFoundError("There is no such user.")
