"""`kyros escalations`: who goes to the premium model, decided and rehearsed.

All but `replay` ask the API, with the exit codes of the commands about tasks; `replay` reads the
database itself, whose library is imported by it alone.
"""

import re
import shutil
import sys
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal

import typer

from kyros_worker.command.in_database import (
    WRONG,
    ModeOption,
    fail,
    known_mode,
    one_sentence,
    own_mode,
)
from kyros_worker.command.over_http import PRIORITIES, Json, among, connected, print_json

escalations_app = typer.Typer(
    name="escalations",
    help="Ask for the premium model, decide who gets it, and try other rules.",
    no_args_is_help=True,
    add_completion=False,
)

_PERIOD = re.compile(r"([1-9][0-9]{0,3})([dh])", re.ASCII)
_STATUSES = ("requested", "approved", "rejected", "completed")
_Id = Annotated[str, typer.Argument(metavar="ID", help="esc_…")]
_Comment = Annotated[str | None, typer.Option("--comment", help="Kept with the escalation.")]


@escalations_app.command("list")
def list_escalations(
    status: Annotated[
        str | None,
        typer.Option("--status", help=", ".join(_STATUSES), autocompletion=among(_STATUSES)),
    ] = None,
    task: Annotated[str | None, typer.Option("--task", help="Of this task alone: task_…")] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="At most so many.")] = 50,
    as_json: Json = False,
) -> None:
    """List the newest escalations."""
    from kyros_worker.command import escalation_text  # noqa: PLC0415

    filters = {"status": status, "task_id": task}
    with connected() as client:
        found = client.escalations({key: filters[key] for key in filters if filters[key]}, limit)
    if as_json:
        print_json(found)
        return
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    escalations = found["escalations"]
    print(
        escalation_text.table(escalations, width) if escalations else "No escalation is like that."
    )
    if found["has_more"]:
        print(f"There are more than these {limit}: --limit shows more.", file=sys.stderr)


@escalations_app.command()
def show(escalation_id: _Id, as_json: Json = False) -> None:
    """Show an escalation: why, what it may cost, who decided."""
    from kyros_worker.command import escalation_text  # noqa: PLC0415

    with connected() as client:
        found = client.escalation(escalation_id)
    if as_json:
        print_json(found)
    else:
        print(escalation_text.described(found))


@escalations_app.command()
def request(
    task_id: Annotated[str, typer.Argument(metavar="TASK_ID", help="task_…")],
    reason: Annotated[str, typer.Option("--reason", help="Why, for whoever decides.")],
    priority: Annotated[
        str | None,
        typer.Option("--priority", help="Default: the task's.", autocompletion=among(PRIORITIES)),
    ] = None,
    as_json: Json = False,
) -> None:
    """Ask for the premium model for a task, and print the escalation's id."""
    body = {"task_id": task_id, "reason": reason}
    with connected() as client:
        made = client.request_escalation(
            body if priority is None else body | {"priority": priority}
        )
    if as_json:
        print_json(made)
        return
    print(made["id"])
    if made["status"] == "requested":
        print("It waits for somebody's approval.", file=sys.stderr)


@escalations_app.command()
def approve(escalation_id: _Id, comment: _Comment = None, as_json: Json = False) -> None:
    """Approve an escalation: its task goes on with the premium model."""
    _decide(escalation_id, "approve", comment, as_json=as_json)


@escalations_app.command()
def reject(escalation_id: _Id, comment: _Comment = None, as_json: Json = False) -> None:
    """Reject an escalation: its task goes on as it would have without."""
    _decide(escalation_id, "reject", comment, as_json=as_json)


@escalations_app.command()
def replay(
    rules: Annotated[
        Path,
        typer.Option("--rules", help="A TOML file with [[rules]], such as that of KYROS_CONFIG."),
    ],
    since: Annotated[
        str, typer.Option("--since", help="Tasks created in this time: 30d, 12h.")
    ] = "30d",
    mode: ModeOption = None,
    as_json: Json = False,
) -> None:
    """Try other rules on what has happened. No model is called; all costs are estimates."""
    from kyros_worker import configuration  # noqa: PLC0415
    from kyros_worker.clock import now, rfc3339  # noqa: PLC0415
    from kyros_worker.command import replay_text  # noqa: PLC0415
    from kyros_worker.database import read  # noqa: PLC0415
    from kyros_worker.task.history import replay_history  # noqa: PLC0415

    length, typed_mode = _length(since), known_mode(mode)
    with one_sentence():
        tried = configuration.read(rules, "--rules").rules
        of_mode = typed_mode or own_mode()
        until = now()
        with read() as connection:
            tally = replay_history(connection, of_mode, until - length, until, tried)
    found = {
        "mode": of_mode,
        "from": rfc3339(until - length),
        "to": rfc3339(until),
        **tally.shown(),
    }
    if as_json:
        print_json(found)
    else:
        print(replay_text.report(found))


def _decide(
    escalation_id: str, verb: Literal["approve", "reject"], comment: str | None, *, as_json: bool
) -> None:
    with connected() as client:
        decided = client.decide_escalation(escalation_id, verb, comment)
    if as_json:
        print_json(decided)
    else:
        print(f"{escalation_id} is {decided['status']}.")


def _length(since: str) -> timedelta:
    match = _PERIOD.fullmatch(since)
    if match is None:
        fail("--since must be a number of days or hours, like 30d or 12h.", WRONG)
    return timedelta(**{{"d": "days", "h": "hours"}[match[2]]: int(match[1])})
