"""What admins do with applications: register, change, give another secret, delete."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import insert, select, update

from kyros_worker.audit.actor import Actor
from kyros_worker.audit.write import write_entry
from kyros_worker.auth.subject import PERMISSIONS
from kyros_worker.clock import now
from kyros_worker.database import Connection
from kyros_worker.display_name import name_fault
from kyros_worker.errors import ConflictError, FieldError, InvalidError, NotFoundError
from kyros_worker.ids import is_id, new_id
from kyros_worker.oauth2 import redirect_uri, secret
from kyros_worker.oauth2.queries import APPLICATION_COLUMNS, application_record
from kyros_worker.oauth2.tables import Application, Grant

MAX_REDIRECT_URIS = 20


def register(
    connection: Connection,
    actor: Actor,
    *,
    name: str,
    redirect_uris: Sequence[str],
    permissions: Sequence[str],
    public: bool = False,
    acts_for_itself: bool = False,
) -> dict[str, Any]:
    """The new application's record with `client_secret`, which is nowhere else; null when public.

    A public application runs where it can keep no secret: in a browser, on a phone, on a desk.
    `permissions` is the most that it can be given. Raises InvalidError with every wrong field.
    """
    at = now()
    client_secret = None if public else secret.make("client secret")
    values: dict[str, Any] = {
        "name": name,
        "redirect_uris": list(redirect_uris),
        "permissions": [known for known in PERMISSIONS if known in permissions],
        "acts_for_itself": acts_for_itself,
    }
    _refuse_wrong({**values, "permissions": list(permissions)}, public=public)
    statement = insert(Application).values(
        id=new_id("oac", at),
        secret_hash=client_secret and secret.digest(client_secret),
        created_by=actor.id or "",
        created_at=at,
        updated_at=at,
        **values,
    )
    told: dict[str, Any] = {"public": public, **values}
    made = application_record(connection.execute(statement.returning(*APPLICATION_COLUMNS)).one())
    write_entry(connection, actor, "oauth2_application.create", made["id"], **told)
    return {**made, "client_secret": client_secret}


def change(
    connection: Connection,
    actor: Actor,
    application_id: str,
    *,
    name: str | None = None,
    redirect_uris: Sequence[str] | None = None,
    permissions: Sequence[str] | None = None,
    acts_for_itself: bool | None = None,
) -> dict[str, Any]:
    """The application's record after the changes; what is None stays.

    Fewer permissions hold at once for what people have let it do. Raises NotFoundError, and
    InvalidError with every wrong field.
    """
    found = lock(connection, application_id)
    given: dict[str, Any] = {
        "name": name,
        "redirect_uris": None if redirect_uris is None else list(redirect_uris),
        "permissions": None if permissions is None else list(permissions),
        "acts_for_itself": acts_for_itself,
    }
    wanted = {field: found[field] if value is None else value for field, value in given.items()}
    _refuse_wrong(wanted, public=found["public"])
    wanted["permissions"] = [one for one in PERMISSIONS if one in wanted["permissions"]]
    after = {field: value for field, value in wanted.items() if value != found[field]}
    if not after:
        return found
    before = {field: found[field] for field in after}
    write_entry(
        connection, actor, "oauth2_application.change", application_id, before=before, after=after
    )
    return _update(connection, application_id, **after)


def rotate_secret(connection: Connection, actor: Actor, application_id: str) -> dict[str, Any]:
    """The application's record with a new `client_secret`; the old one is refused from now on.

    What people have let it do stays. Raises NotFoundError, and ConflictError where it is public.
    """
    if lock(connection, application_id)["public"]:
        raise ConflictError("A public application has no secret.")
    made = secret.make("client secret")
    row = _update(connection, application_id, secret_hash=secret.digest(made))
    write_entry(connection, actor, "oauth2_application.rotate", application_id)
    return {**row, "client_secret": made}


def delete(connection: Connection, actor: Actor, application_id: str) -> dict[str, Any]:
    """The deleted application's record; its tokens are refused within two seconds.

    Raises NotFoundError.
    """
    found = lock(connection, application_id)
    at = now()
    _update(connection, application_id, deleted_at=at)
    connection.execute(
        update(Grant)
        .where(Grant.application_id == application_id, Grant.revoked_at.is_(None))
        .values(revoked_at=at)
    )
    name = found["name"]
    write_entry(connection, actor, "oauth2_application.delete", application_id, name=name)
    return found


def lock(connection: Connection, application_id: str) -> dict[str, Any]:
    """The application's record, which nobody else changes until the transaction ends.

    Raises NotFoundError.
    """
    statement = (
        select(*APPLICATION_COLUMNS)
        .where(Application.id == application_id, Application.deleted_at.is_(None))
        .with_for_update(key_share=True)
    )
    known = is_id("oac", application_id)
    row = connection.execute(statement).one_or_none() if known else None
    if row is None:
        raise NotFoundError("There is no such application.")
    return application_record(row)


def _update(connection: Connection, application_id: str, **values: Any) -> dict[str, Any]:
    statement = (
        update(Application)
        .where(Application.id == application_id)
        .values(updated_at=now(), **values)
        .returning(*APPLICATION_COLUMNS)
    )
    return application_record(connection.execute(statement).one())


def _refuse_wrong(values: dict[str, Any], *, public: bool) -> None:
    """Raises InvalidError with every wrong field."""
    wrong = _wrong_permissions(values["permissions"])
    if fault := name_fault(values["name"]):
        wrong.insert(0, FieldError("name", fault))
    uris: list[str] = values["redirect_uris"]
    if len(uris) > MAX_REDIRECT_URIS:
        wrong.append(FieldError("redirect_uris", f"may be {MAX_REDIRECT_URIS} at most"))
    elif not uris and not values["acts_for_itself"]:
        message = "are needed, unless the application acts for itself alone"
        wrong.append(FieldError("redirect_uris", message))
    for place, uri in enumerate(uris[:MAX_REDIRECT_URIS]):
        if fault := redirect_uri.fault(uri, public=public):
            wrong.append(FieldError(f"redirect_uris[{place}]", fault))
    if public and values["acts_for_itself"]:
        message = "needs a secret, which a public application has not"
        wrong.append(FieldError("acts_for_itself", message))
    if wrong:
        raise InvalidError(f"{wrong[0].field} {wrong[0].message}.", details=wrong)


def _wrong_permissions(permissions: Sequence[str]) -> list[FieldError]:
    if not permissions:
        return [FieldError("permissions", "must be one at least")]
    return [
        FieldError(f"permissions[{place}]", f"must be one of {', '.join(PERMISSIONS)}")
        for place, one in enumerate(permissions[: len(PERMISSIONS) + 1])
        if one not in PERMISSIONS
    ]
