"""`kyros keys`: API keys, managed in the database itself, so no key is needed for it.

The database's library is imported by the commands that need it: it would slow every other one.
"""

import json
import shutil
import sys
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, cast

import typer

from kyros_worker.audit.actor import COMMAND_LINE
from kyros_worker.auth.api_key import (
    DEFAULT_OVERLAP_SECONDS,
    MAX_DAY_BUDGET_USD,
    MAX_OVERLAP_SECONDS,
    MAX_RATE_LIMIT,
    REMOVABLE,
)
from kyros_worker.auth.subject import PERMISSIONS, Permission
from kyros_worker.clock import now
from kyros_worker.command import key_text
from kyros_worker.command.in_database import (
    WRONG,
    ModeOption,
    fail,
    known_mode,
    one_sentence,
    own_mode,
)
from kyros_worker.display_name import name_fault

keys_app = typer.Typer(
    name="keys", help="Make, change and revoke API keys.", no_args_is_help=True,
    add_completion=False,
)  # fmt: skip

_Json = Annotated[bool, typer.Option("--json", help="Answer as one line of JSON.")]
_Id = Annotated[str, typer.Argument(help="The key's id, key_…")]
_Permissions = Annotated[
    list[str] | None,
    typer.Option("--permission", "-p", help=f"May be repeated. One of: {', '.join(PERMISSIONS)}."),
]
_Days = Annotated[
    int | None, typer.Option("--days", min=1, max=36_500, help="Days until it expires.")
]
_RateLimit = Annotated[
    int | None,
    typer.Option("--rate-limit", min=1, max=MAX_RATE_LIMIT, help="Requests a minute."),
]
_DayBudget = Annotated[
    str | None,
    typer.Option("--day-budget", metavar="USD", help="What its tasks may cost on a day (UTC)."),
]


@keys_app.command("create")
def create_key(
    name: Annotated[str, typer.Argument(help="What people know the key by.")],
    permission: _Permissions = None,
    mode: ModeOption = None,
    days: _Days = None,
    rate_limit: _RateLimit = None,
    day_budget: _DayBudget = None,
    as_json: _Json = False,
) -> None:
    """Make a key and print it, this once. Without --permission it may do everything."""
    from kyros_worker.auth.create import create  # noqa: PLC0415
    from kyros_worker.database import transaction  # noqa: PLC0415

    with one_sentence():
        fields = _fields(name, permission or ["admin"], days, rate_limit, day_budget)
        key_mode = known_mode(mode) or own_mode()
        with transaction() as connection:
            made = create(connection, COMMAND_LINE, mode=key_mode, **fields)
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
    elif found:
        print(key_text.table(found, now(), _width()))
    else:
        print("There is no key.")


@keys_app.command("show")
def show_key(key_id: _Id, as_json: _Json = False) -> None:
    """Show a key: what it may do, until when, and when it was used last."""
    from kyros_worker.auth.queries import find  # noqa: PLC0415
    from kyros_worker.database import read  # noqa: PLC0415

    with one_sentence(), read() as connection:
        found = find(connection, key_id)
    print(json.dumps(found) if as_json else key_text.described(found, now()))


@keys_app.command("change")
def change_key(
    key_id: _Id,
    name: Annotated[str | None, typer.Option("--name", help="What people know it by.")] = None,
    permission: _Permissions = None,
    days: _Days = None,
    rate_limit: _RateLimit = None,
    day_budget: _DayBudget = None,
    remove: Annotated[
        list[str] | None,
        typer.Option("--remove", help=f"May be repeated. One of: {', '.join(REMOVABLE)}."),
    ] = None,
    as_json: _Json = False,
) -> None:
    """Change a key; what is not named stays. It counts everywhere within two seconds."""
    from kyros_worker.auth.change import change  # noqa: PLC0415
    from kyros_worker.auth.schemas import ChangedApiKey  # noqa: PLC0415
    from kyros_worker.database import transaction  # noqa: PLC0415

    with one_sentence():
        fields = _fields(name, permission, days, rate_limit, day_budget)
        removed = _known_removals(remove or [], fields)
        if not removed and all(value is None for value in fields.values()):
            fail("Name what is to change; `kyros keys change --help` says what can.", WRONG)
        changes = ChangedApiKey(**fields, remove=removed)
        with transaction() as connection:
            changed = change(connection, COMMAND_LINE, key_id, changes)
    print(json.dumps(changed) if as_json else key_text.described(changed, now()))


@keys_app.command("rotate")
def rotate_key(
    key_id: _Id,
    overlap: Annotated[
        int,
        typer.Option(
            "--overlap", min=0, max=MAX_OVERLAP_SECONDS, metavar="SECONDS",
            help="How long the secret before stays good; with 0 it ends at once.",
        ),
    ] = DEFAULT_OVERLAP_SECONDS,
    as_json: _Json = False,
) -> None:  # fmt: skip
    """Replace a key's secret and print the new one, this once."""
    from kyros_worker.auth.rotate import rotate  # noqa: PLC0415
    from kyros_worker.database import transaction  # noqa: PLC0415

    with one_sentence(), transaction() as connection:
        rotated = rotate(connection, COMMAND_LINE, key_id, overlap)
    print(json.dumps(rotated) if as_json else rotated["key"])
    if until := rotated["previous_expires_at"]:
        print(f"The secret before is good until {until}.", file=sys.stderr)


@keys_app.command("revoke")
def revoke_key(key_id: _Id, as_json: _Json = False) -> None:
    """Revoke a key: it is refused everywhere within two seconds."""
    from kyros_worker.auth.revoke import revoke  # noqa: PLC0415
    from kyros_worker.database import transaction  # noqa: PLC0415

    with one_sentence(), transaction() as connection:
        revoked = revoke(connection, COMMAND_LINE, key_id)
    print(json.dumps(revoked) if as_json else f"{key_id} is revoked.")


def _fields(
    name: str | None,
    permissions: list[str] | None,
    days: int | None,
    rate_limit: int | None,
    day_budget: str | None,
) -> dict[str, Any]:
    """What was typed, as the verbs take it; ends the command when something is wrong."""
    if name is not None and (fault := name_fault(name)):
        fail(f"The name {fault}.", WRONG)
    return {
        "name": name,
        "permissions": _known_permissions(permissions) if permissions else None,
        "expires_at": None if days is None else now() + timedelta(days=days),
        "rate_limit": rate_limit,
        "day_budget_usd": None if day_budget is None else _amount(day_budget),
    }


def _known_permissions(names: list[str]) -> list[Permission]:
    for name in names:
        if name not in PERMISSIONS:
            fail(f"{name} is no permission; there are {', '.join(PERMISSIONS)}.", WRONG)
    return cast("list[Permission]", _each_once(names))


def _known_removals(names: list[str], given: dict[str, Any]) -> list[Any]:
    for name in names:
        if name not in REMOVABLE:
            fail(f"{name} can't be removed; what can is {', '.join(REMOVABLE)}.", WRONG)
        if given[name] is not None:
            fail(f"{name} can't be given a value and removed at once.", WRONG)
    return _each_once(names)


def _each_once(names: list[str]) -> list[str]:
    return list(dict.fromkeys(names))


def _amount(typed: str) -> Decimal:
    try:
        amount = Decimal(typed)
    except InvalidOperation:
        amount = Decimal(-1)
    if not (amount.is_finite() and 0 <= amount <= MAX_DAY_BUDGET_USD):
        fail(f"--day-budget must be 0 to {MAX_DAY_BUDGET_USD:,} USD, such as 12.50.", WRONG)
    return amount


def _width() -> int | None:
    """The terminal's width; None where nobody looks, so that nothing is cut."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None
