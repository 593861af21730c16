"""`kyros keys`: API keys, made and revoked in the database itself, so no key is needed for it.

The database's library is imported by the commands that need it: it would slow every other one.
"""

import json
from datetime import timedelta
from typing import Annotated, Any, cast

import typer

from kyros_worker.auth.subject import PERMISSIONS, Permission
from kyros_worker.clock import now
from kyros_worker.command.in_database import (
    WRONG,
    ModeOption,
    fail,
    known_mode,
    one_sentence,
    own_mode,
)

keys_app = typer.Typer(
    name="keys", help="Make, list and revoke API keys.", no_args_is_help=True, add_completion=False
)

_Json = Annotated[bool, typer.Option("--json", help="Answer as one line of JSON.")]
_Permissions = Annotated[
    list[str] | None,
    typer.Option("--permission", "-p", help=f"May be repeated. One of: {', '.join(PERMISSIONS)}."),
]


@keys_app.command("create")
def create_key(
    name: Annotated[str, typer.Argument(help="What people know the key by.")],
    permission: _Permissions = None,
    mode: ModeOption = None,
    days: Annotated[
        int | None, typer.Option("--days", min=1, max=36_500, help="Days until it expires.")
    ] = None,
    as_json: _Json = False,
) -> None:
    """Make a key and print it, this once. Without --permission it may do everything."""
    from kyros_worker.auth.create import MAX_NAME_LENGTH, create  # noqa: PLC0415
    from kyros_worker.database import transaction  # noqa: PLC0415

    with one_sentence():
        expires_at = None if days is None else now() + timedelta(days=days)
        if not 1 <= len(name) <= MAX_NAME_LENGTH:
            fail(f"The name must be 1 to {MAX_NAME_LENGTH} characters long.", WRONG)
        permissions, key_mode = _known_permissions(permission or ["admin"]), known_mode(mode)
        with transaction() as connection:
            made = create(
                connection,
                name=name,
                permissions=permissions,
                mode=key_mode or own_mode(),
                created_by="command line",
                expires_at=expires_at,
            )
    print(json.dumps(made) if as_json else made["key"])


@keys_app.command("list")
def list_keys(
    mode: ModeOption = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=10_000)] = 200,
    as_json: _Json = False,
) -> None:
    """List the keys, newest first."""
    from kyros_worker.auth.queries import newest  # noqa: PLC0415
    from kyros_worker.database import read  # noqa: PLC0415

    with one_sentence(), read() as connection:
        found = newest(connection, known_mode(mode), limit)
    if as_json:
        print(json.dumps(found))
    for key in [] if as_json else found:
        print(f"{key['id']}  {key['prefix']}…  {_state(key):8}  {key['name']}")


@keys_app.command("revoke")
def revoke_key(
    key_id: Annotated[str, typer.Argument(help="The key's id, key_…")],
    as_json: _Json = False,
) -> None:
    """Revoke a key: it is refused everywhere within two seconds."""
    from kyros_worker.auth.revoke import revoke  # noqa: PLC0415
    from kyros_worker.database import transaction  # noqa: PLC0415

    with one_sentence(), transaction() as connection:
        revoked = revoke(connection, key_id)
    print(json.dumps(revoked) if as_json else f"{key_id} is revoked.")


def _known_permissions(names: list[str]) -> list[Permission]:
    for name in names:
        if name not in PERMISSIONS:
            fail(f"{name} is no permission; there are {', '.join(PERMISSIONS)}.", WRONG)
    return cast("list[Permission]", names)


def _state(key: dict[str, Any]) -> str:
    return "revoked" if key["revoked_at"] else "in use" if key["last_used_at"] else "unused"
