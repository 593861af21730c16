"""`kyros keys`: API keys, made and revoked in the database itself, so no key is needed for it.

The database's library is imported by the commands that need it: it would slow every other one.
"""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Annotated, Any, NoReturn, cast, get_args

import typer

from kyros_worker.auth.subject import PERMISSIONS, Mode, Permission
from kyros_worker.clock import now
from kyros_worker.errors import ConfigurationError, KyrosError
from kyros_worker.settings import current

#: Exit codes: what was asked for can't be done; what was typed is wrong.
FAILED = 1
WRONG = 2

keys_app = typer.Typer(
    name="keys", help="Make, list and revoke API keys.", no_args_is_help=True, add_completion=False
)

_Json = Annotated[bool, typer.Option("--json", help="Answer as one line of JSON.")]
_ModeOption = Annotated[
    str | None, typer.Option("--mode", help="test or live; default: the deployment's own.")
]
_Permissions = Annotated[
    list[str] | None,
    typer.Option("--permission", "-p", help=f"May be repeated. One of: {', '.join(PERMISSIONS)}."),
]


@keys_app.command("create")
def create_key(
    name: Annotated[str, typer.Argument(help="What people know the key by.")],
    permission: _Permissions = None,
    mode: _ModeOption = None,
    days: Annotated[
        int | None, typer.Option("--days", min=1, max=36_500, help="Days until it expires.")
    ] = None,
    as_json: _Json = False,
) -> None:
    """Make a key and print it, this once. Without --permission it may do everything."""
    from kyros_worker.auth.create import MAX_NAME_LENGTH, create  # noqa: PLC0415
    from kyros_worker.database import transaction  # noqa: PLC0415

    with _one_sentence():
        expires_at = None if days is None else now() + timedelta(days=days)
        if not 1 <= len(name) <= MAX_NAME_LENGTH:
            _fail(f"The name must be 1 to {MAX_NAME_LENGTH} characters long.", WRONG)
        permissions, key_mode = _known_permissions(permission or ["admin"]), _known_mode(mode)
        with transaction() as connection:
            made = create(
                connection,
                name=name,
                permissions=permissions,
                mode=key_mode or _own_mode(),
                created_by="command line",
                expires_at=expires_at,
            )
    print(json.dumps(made) if as_json else made["key"])


@keys_app.command("list")
def list_keys(
    mode: _ModeOption = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=10_000)] = 200,
    as_json: _Json = False,
) -> None:
    """List the keys, newest first."""
    from kyros_worker.auth.queries import newest  # noqa: PLC0415
    from kyros_worker.database import read  # noqa: PLC0415

    with _one_sentence(), read() as connection:
        found = newest(connection, _known_mode(mode), limit)
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

    with _one_sentence(), transaction() as connection:
        revoked = revoke(connection, key_id)
    print(json.dumps(revoked) if as_json else f"{key_id} is revoked.")


@contextmanager
def _one_sentence() -> Iterator[None]:
    from kyros_worker.database import is_away  # noqa: PLC0415

    try:
        yield
    except KyrosError as error:
        _fail(error.message, FAILED)
    except ConfigurationError as error:
        _fail(str(error), FAILED)
    except Exception as error:
        if not is_away(error):
            raise
        _fail("The database can't be reached.", FAILED)


def _fail(sentence: str, code: int) -> NoReturn:
    print(f"kyros: {sentence}", file=sys.stderr)
    raise typer.Exit(code)


def _known_permissions(names: list[str]) -> list[Permission]:
    for name in names:
        if name not in PERMISSIONS:
            _fail(f"{name} is no permission; there are {', '.join(PERMISSIONS)}.", WRONG)
    return cast("list[Permission]", names)


def _known_mode(mode: str | None) -> Mode | None:
    if mode is not None and mode not in get_args(Mode):
        _fail(f"{mode} is no mode; there are test and live.", WRONG)
    return cast("Mode | None", mode)


def _own_mode() -> Mode:
    return "test" if current().test_mode else "live"


def _state(key: dict[str, Any]) -> str:
    return "revoked" if key["revoked_at"] else "in use" if key["last_used_at"] else "unused"
