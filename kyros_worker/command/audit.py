"""`kyros audit`: who did what to what, read in the database itself, both modes.

The database's library is imported when it is needed: it would slow every other command.
"""

import json
from datetime import datetime
from typing import Annotated, Any

import typer

from kyros_worker.command.in_database import WRONG, fail, one_sentence

audit_app = typer.Typer(add_completion=False)


@audit_app.command()
def audit(
    actor: Annotated[
        str | None, typer.Option("--actor", help="key_…, usr_…, `command line`, system.")
    ] = None,
    action: Annotated[str | None, typer.Option("--action", help="Such as api_key.create.")] = None,
    target: Annotated[str | None, typer.Option("--target", help="The id it was done to.")] = None,
    since: Annotated[
        str | None, typer.Option("--since", help="Such as 2026-01-31T09:30:00Z.")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=10_000)] = 50,
    as_json: Annotated[
        bool, typer.Option("--json", help="Answer as one line of JSON an entry.")
    ] = False,
) -> None:
    """Show who did what to what, when and from where, newest first."""
    from kyros_worker.audit.queries import Wanted, newest_entries  # noqa: PLC0415
    from kyros_worker.database import read  # noqa: PLC0415

    with one_sentence(), read() as connection:
        wanted = Wanted(actor, action, target, _time(since))
        found = newest_entries(connection, None, wanted, limit)
    for entry in found:
        print(json.dumps(entry) if as_json else _line(entry))
    if not found and not as_json:
        print("No entry is like that.")


def _time(text: str | None) -> datetime | None:
    from pydantic import TypeAdapter, ValidationError  # noqa: PLC0415

    from kyros_worker.schemas import Time  # noqa: PLC0415

    if text is None:
        return None
    try:
        return TypeAdapter[datetime](Time).validate_python(text)
    except ValidationError:
        fail("--since must be a time such as 2026-01-31T09:30:00Z.", WRONG)


def _line(entry: dict[str, Any]) -> str:
    """One line: what a person typed can hold no control character on a terminal."""
    from kyros_worker.command.printable import line  # noqa: PLC0415
    from kyros_worker.command.task_text import time  # noqa: PLC0415

    who = entry["actor"] or "somebody"
    parts = [time(entry["at"]), who, entry["action"], entry["target"] or "-"]
    if entry["via"]:
        parts.append(f"through {entry['via']}")
    if entry["address"]:
        parts.append(f"from {entry['address']}")
    parts += [f"{name}={json.dumps(value)}" for name, value in entry["details"].items()]
    return line("  ".join(parts))
