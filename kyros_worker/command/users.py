"""`kyros users`: people and their sessions, in the database itself, so no key is needed for it.

The database's library is imported by the commands that need it: it would slow every other one.
"""

import json
import sys
from collections.abc import Callable
from typing import Annotated, Any

import typer

from kyros_worker.audit.actor import COMMAND_LINE
from kyros_worker.auth.subject import ROLES
from kyros_worker.command.in_database import WRONG, fail, one_sentence
from kyros_worker.command.printable import block

users_app = typer.Typer(
    name="users", help="Make and change users.", no_args_is_help=True, add_completion=False
)

_Json = Annotated[bool, typer.Option("--json", help="Answer as one line of JSON.")]
_Who = Annotated[str, typer.Argument(metavar="USER", help="The e-mail address, or usr_…")]
_PasswordStdin = Annotated[
    bool, typer.Option("--password-stdin", help="Read the password from the first line of stdin.")
]
_ROLES_HELP = f"One of: {', '.join(ROLES)}."
_Change = Callable[[Any, str], dict[str, Any]]


@users_app.command("create")
def create(
    email: Annotated[str, typer.Argument(help="The e-mail address to sign in by.")],
    role: Annotated[str, typer.Option("--role", help=_ROLES_HELP)],
    name: Annotated[
        str | None, typer.Option("--name", help="Default: the address before its @.")
    ] = None,
    password_stdin: _PasswordStdin = False,
    as_json: _Json = False,
) -> None:
    """Make a user; without --password-stdin a password is made, and printed this once."""
    from kyros_worker.database import transaction  # noqa: PLC0415
    from kyros_worker.user.accounts import create_user  # noqa: PLC0415
    from kyros_worker.user.password import hash_chosen  # noqa: PLC0415

    name = email.partition("@")[0] if name is None else name
    password, shown = _password(password_stdin)
    with one_sentence():
        hashed = hash_chosen(password, email=email, name=name)
        with transaction() as connection:
            made = create_user(
                connection, COMMAND_LINE, email=email, name=name, role=role, password_hash=hashed
            )
    _tell(made, f"{made['email']} is {made['id']}, {made['role']}.", shown, as_json=as_json)


@users_app.command("list")
def list_users(
    limit: Annotated[int, typer.Option("--limit", min=1, max=10_000)] = 200,
    as_json: _Json = False,
) -> None:
    """List the users, newest first."""
    from kyros_worker.database import read  # noqa: PLC0415
    from kyros_worker.user.queries import newest_users  # noqa: PLC0415

    with one_sentence(), read() as connection:
        found = newest_users(connection, limit)
    if as_json:
        print(json.dumps(found))
    for user in [] if as_json else found:
        state = "disabled" if user["disabled_at"] else "enabled"
        print(block(f"{user['id']}  {user['role']:9}  {state:8}  {user['email']}  {user['name']}"))


@users_app.command("change")
def change(
    user: _Who,
    name: Annotated[str | None, typer.Option("--name")] = None,
    role: Annotated[str | None, typer.Option("--role", help=_ROLES_HELP)] = None,
    as_json: _Json = False,
) -> None:
    """Change a user's name or role; what the user may do changes at once."""
    from kyros_worker.user.accounts import change_user  # noqa: PLC0415

    if name is None and role is None:
        fail("Say what to change: --name or --role.", WRONG)
    changed = _changed(
        user, lambda db, found: change_user(db, COMMAND_LINE, found, name=name, role=role)
    )
    words = f"{changed['email']} is {changed['name']}, {changed['role']}."
    _tell(changed, words, as_json=as_json)


@users_app.command("disable")
def disable(user: _Who, as_json: _Json = False) -> None:
    """Refuse a user from now on; end every session and all that applications may do for him."""
    from kyros_worker.oauth2 import shut_out  # noqa: PLC0415

    changed = _changed(user, lambda db, found: shut_out.disable(db, COMMAND_LINE, found))
    _tell(changed, f"{changed['email']} is disabled.", as_json=as_json)


@users_app.command("enable")
def enable(user: _Who, as_json: _Json = False) -> None:
    """Let a disabled user sign in again."""
    from kyros_worker.user.accounts import enable_user  # noqa: PLC0415

    changed = _changed(user, lambda db, found: enable_user(db, COMMAND_LINE, found))
    _tell(changed, f"{changed['email']} is enabled.", as_json=as_json)


@users_app.command("set-password")
def set_password(
    user: _Who, password_stdin: _PasswordStdin = False, as_json: _Json = False
) -> None:
    """Give a user a new password; one that is made is printed this once.

    Every session ends, and all that applications may do for the user.
    """
    from kyros_worker.database import read, transaction  # noqa: PLC0415
    from kyros_worker.oauth2 import shut_out  # noqa: PLC0415
    from kyros_worker.user.password import hash_chosen  # noqa: PLC0415
    from kyros_worker.user.queries import find_user  # noqa: PLC0415

    password, shown = _password(password_stdin)
    with one_sentence():
        with read() as connection:
            found = find_user(connection, user)
        hashed = hash_chosen(password, email=found["email"], name=found["name"])
        with transaction() as connection:
            changed = shut_out.give_password(connection, COMMAND_LINE, found["id"], hashed)
    _tell(changed, f"{changed['email']} has a new password.", shown, as_json=as_json)


@users_app.command("sessions")
def sessions(
    user: _Who,
    limit: Annotated[int, typer.Option("--limit", min=1, max=10_000)] = 200,
    as_json: _Json = False,
) -> None:
    """List where a user is signed in, newest first."""
    from kyros_worker.database import read  # noqa: PLC0415
    from kyros_worker.user.queries import find_user  # noqa: PLC0415
    from kyros_worker.user.session import list_sessions  # noqa: PLC0415

    with one_sentence(), read() as connection:
        found = list_sessions(connection, find_user(connection, user)["id"], limit)
    if as_json:
        print(json.dumps(found))
    for one in [] if as_json else found:
        where = f"{one['address'] or '-'}  {one['user_agent']}"
        print(block(f"{one['id']}  last seen {one['last_seen_at'][:16]}Z  {where}"))


@users_app.command("sign-out")
def sign_out(
    user: _Who,
    session: Annotated[str | None, typer.Argument(help="One session, ses_…; else all.")] = None,
) -> None:
    """End a user's sessions."""
    from kyros_worker.database import transaction  # noqa: PLC0415
    from kyros_worker.user.queries import find_user  # noqa: PLC0415
    from kyros_worker.user.session import end_session, sign_out_everywhere  # noqa: PLC0415

    with one_sentence(), transaction() as connection:
        user_id = find_user(connection, user)["id"]
        if session is None:
            ended = sign_out_everywhere(connection, COMMAND_LINE, user_id)
        else:
            end_session(connection, COMMAND_LINE, session, user_id)
            ended = 1
    print(f"{ended} session{'' if ended == 1 else 's'} ended.")


def _changed(user: str, change: _Change) -> dict[str, Any]:
    """The record after a change of the user of that address or id, in one transaction."""
    from kyros_worker.database import transaction  # noqa: PLC0415
    from kyros_worker.user.queries import find_user  # noqa: PLC0415

    with one_sentence(), transaction() as connection:
        return change(connection, find_user(connection, user)["id"])


def _password(from_stdin: bool) -> tuple[str, str | None]:
    """The password, and the same again where it was made here and is to be shown."""
    from kyros_worker.user.password import make_password  # noqa: PLC0415

    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n"), None
    made = make_password()
    return made, made


def _tell(
    user: dict[str, Any], sentence: str, password: str | None = None, *, as_json: bool
) -> None:
    if as_json:
        print(json.dumps(user if password is None else {**user, "password": password}))
        return
    print(block(sentence))
    if password is not None:
        print(f"Password: {password}  (shown this once)")
