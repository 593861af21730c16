"""Making and changing users. Each change writes its audit entry in the same transaction.

Passwords come as hashes that were made before that transaction began (`user.password`), but for
`change_own_password`, which makes its own.
"""

from typing import Any

from sqlalchemy import Select, select, update
from sqlalchemy.dialects.postgresql import insert

from kyros_worker.audit.actor import Actor
from kyros_worker.audit.write import write_entry
from kyros_worker.auth.subject import ROLES
from kyros_worker.clock import now
from kyros_worker.database import Connection, read, transaction
from kyros_worker.display_name import name_fault
from kyros_worker.email_address import checked
from kyros_worker.errors import ConflictError, FieldError, InvalidError
from kyros_worker.ids import is_id, new_id
from kyros_worker.user.failures import counted_try, forget_all_failures
from kyros_worker.user.password import PasswordHash, check_password, hash_password, is_password
from kyros_worker.user.queries import COLUMNS, no_such_user, record
from kyros_worker.user.session import end_all_sessions
from kyros_worker.user.tables import User


def create_user(
    connection: Connection,
    actor: Actor,
    *,
    email: str,
    name: str,
    role: str,
    password_hash: PasswordHash,
) -> dict[str, Any]:
    """The new user's record.

    Raises InvalidError for what is wrong, and ConflictError when somebody has the address.
    """
    email, name = checked(email), _checked_name(name)
    _check_role(role)
    at = now()
    row = {
        "id": new_id("usr", at),
        "email": email,
        "name": name,
        "role": role,
        "password_hash": password_hash,
        "created_by": actor.id,
        "created_at": at,
        "password_changed_at": at,
    }
    statement = insert(User).values(**row).on_conflict_do_nothing(index_elements=["email"])
    made = connection.execute(statement.returning(*COLUMNS)).one_or_none()
    if made is None:
        raise ConflictError(f"There is a user {email} already.", code="email_taken")
    write_entry(connection, actor, "user.create", made.id, email=email, name=name, role=role)
    return record(made)


def change_user(
    connection: Connection,
    actor: Actor,
    user_id: str,
    *,
    name: str | None = None,
    role: str | None = None,
) -> dict[str, Any]:
    """The changed user's record; what the user may do changes with the next request.

    Raises InvalidError for what is wrong, NotFoundError, and ConflictError for the last admin.
    """
    wanted = {}
    if name is not None:
        wanted["name"] = _checked_name(name)
    if role is not None:
        _check_role(role)
        wanted["role"] = role
    user = _locked(connection, user_id)
    if wanted.get("role", "admin") != "admin":
        _keep_an_admin(connection, user, "given another role")
    before = {
        key: getattr(user, key) for key, value in wanted.items() if getattr(user, key) != value
    }
    if not before:
        return record(user)
    after = {key: wanted[key] for key in before}
    write_entry(connection, actor, "user.change", user_id, before=before, after=after)
    return _updated(connection, user_id, **after)


def lock_user(connection: Connection, user_id: str) -> dict[str, Any]:
    """The user's record, which nobody else changes until the transaction ends.

    Raises NotFoundError.
    """
    return record(_locked(connection, user_id))


def disable_user(connection: Connection, actor: Actor, user_id: str) -> dict[str, Any]:
    """The record of the user, who is refused from now on and whose sessions have ended.

    What the user lets applications do ends by `oauth2.shut_out`, which calls this. One who was
    disabled before keeps the time. Raises NotFoundError, and ConflictError for the last enabled
    admin.
    """
    user = _locked(connection, user_id)
    if user.disabled_at is not None:
        return record(user)
    _keep_an_admin(connection, user, "disabled")
    end_all_sessions(connection, user_id)
    write_entry(connection, actor, "user.disable", user_id)
    return _updated(connection, user_id, disabled_at=now())


def enable_user(connection: Connection, actor: Actor, user_id: str) -> dict[str, Any]:
    """The record of the user, who may sign in again; raises NotFoundError."""
    user = _locked(connection, user_id)
    if user.disabled_at is None:
        return record(user)
    write_entry(connection, actor, "user.enable", user_id)
    return _updated(connection, user_id, disabled_at=None)


def set_password(
    connection: Connection, actor: Actor, user_id: str, password_hash: PasswordHash
) -> dict[str, Any]:
    """The record of the user, who signs in with that password now; all sessions have ended.

    What the user lets applications do ends by `oauth2.shut_out`, which calls this. Raises
    NotFoundError, and ConflictError when the password was changed meanwhile.
    """
    user = _found(connection, user_id)
    return _replace_password(connection, actor, user, password_hash, but=None)


def change_own_password(
    actor: Actor, user_id: str, old: str, new: str, *, session_id: str
) -> dict[str, Any]:
    """The record of the user, whose other sessions have ended.

    Makes its own transaction, once both passwords were looked at. Wrong old passwords count as
    wrong sign-ins do, and are written down as they are. Raises InvalidError, with the field `old`
    or `password`, NotFoundError, ConflictError when it was changed meanwhile, TooManyRequestsError
    and UnavailableError.
    """
    with read() as connection:
        user = _found(connection, user_id)
    check_password(new, email=user.email, name=user.name)
    with counted_try(user.email, actor.address):
        right = is_password(old, user.password_hash)
    if not right:
        with transaction() as connection:
            write_entry(connection, actor, "password.refuse", user_id)
        raise InvalidError(
            "The old password is wrong.", details=[FieldError("old", "is not the password")]
        )
    password_hash = hash_password(new)
    with transaction() as connection:
        return _replace_password(connection, actor, user, password_hash, but=session_id)


def _replace_password(
    connection: Connection,
    actor: Actor,
    user: Any,
    password_hash: PasswordHash,
    *,
    but: str | None,
) -> dict[str, Any]:
    still = update(User).where(User.id == user.id, User.password_hash == user.password_hash)
    values = {"password_hash": password_hash, "password_changed_at": now()}
    changed = connection.execute(still.values(**values).returning(*COLUMNS)).one_or_none()
    if changed is None:
        raise ConflictError("The password was changed meanwhile.", code="changed_meanwhile")
    end_all_sessions(connection, user.id, but=but)
    forget_all_failures(connection, user.email)
    write_entry(connection, actor, "user.password", user.id)
    return record(changed)


def _found(connection: Connection, user_id: str) -> Any:
    query = select(*COLUMNS, User.password_hash).where(User.id == user_id)
    row = connection.execute(query).one_or_none() if is_id("usr", user_id) else None
    if row is None:
        raise no_such_user()
    return row


def _locked(connection: Connection, user_id: str) -> Any:
    """The user's row, locked after those of all enabled admins.

    So of two admins who disable each other at once the second waits, and is the last. What only
    refers to a user, as a grant that he is just giving, is waited for by nobody here.
    """
    connection.execute(_enabled_admins().order_by(User.id).with_for_update(key_share=True))
    query = select(*COLUMNS).where(User.id == user_id).with_for_update(key_share=True)
    row = connection.execute(query).one_or_none() if is_id("usr", user_id) else None
    if row is None:
        raise no_such_user()
    return row


def _keep_an_admin(connection: Connection, user: Any, change: str) -> None:
    if user.role != "admin" or user.disabled_at is not None:
        return
    if connection.execute(_enabled_admins().where(User.id != user.id).limit(1)).first() is None:
        raise ConflictError(
            f"{user.email} is the last enabled admin, and so can't be {change}.", code="last_admin"
        )


def _enabled_admins() -> Select[str]:
    return select(User.id).where(User.role == "admin", User.disabled_at.is_(None))


def _updated(connection: Connection, user_id: str, **values: Any) -> dict[str, Any]:
    statement = update(User).where(User.id == user_id).values(**values).returning(*COLUMNS)
    return record(connection.execute(statement).one())


def _checked_name(name: str) -> str:
    name = name.strip()
    if fault := name_fault(name):
        raise InvalidError(f"name {fault}.", details=[FieldError("name", fault)])
    return name


def _check_role(role: str) -> None:
    if role not in ROLES:
        reason = f"must be one of {', '.join(ROLES)}"
        raise InvalidError(f"role {reason}.", details=[FieldError("role", reason)])
