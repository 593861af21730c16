"""The commands over HTTP: `submit`, `watch`, `tasks`, `show`, `cancel`, `retry`, `costs`.

Exit codes: 0 done; 1 the API refused or can't be reached; 2 wrong usage; 3 a task that was waited
for failed or was cancelled; 130 interrupted.
"""

import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kyros_worker.command.over_http import (
    FAILED,
    PRIORITIES,
    Json,
    among,
    connected,
    print_json,
    wrong,
)
from kyros_worker.words import ROLES

if TYPE_CHECKING:
    from kyros_worker.command.client import Task

task_app = typer.Typer(add_completion=False)

_COMPLEXITIES = ("low", "medium", "high")
_STATUSES = ("pending", "in_progress", "completed", "failed")
_STATES = ("queued", "running", "awaiting_approval", "completed", "failed", "cancelled")

_EachJson = Annotated[bool, typer.Option("--json", help="Print each task as a line of JSON.")]
_TaskIds = Annotated[list[str], typer.Argument(metavar="ID", help="task_…")]


@task_app.command()
def submit(
    files: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="TASK.json",
            help="A task, a list of tasks or a GitHub issue as JSON; - reads it from stdin.",
        ),
    ] = None,
    title: Annotated[str | None, typer.Option("--title", help="What to do, in a line.")] = None,
    description: Annotated[str | None, typer.Option("--description")] = None,
    task_type: Annotated[
        str | None, typer.Option("--type", help="implementation, review, deployment, …")
    ] = None,
    priority: Annotated[
        str | None,
        typer.Option(
            "--priority", help="low, medium, high or critical", autocompletion=among(PRIORITIES)
        ),
    ] = None,
    role: Annotated[
        str | None,
        typer.Option(
            "--role",
            help="Default: the first of the type's workflow.",
            autocompletion=among(ROLES),
        ),
    ] = None,
    complexity: Annotated[
        str | None,
        typer.Option(
            "--complexity", help="low, medium or high", autocompletion=among(_COMPLEXITIES)
        ),
    ] = None,
    criterion: Annotated[
        list[str] | None, typer.Option("--criterion", help="What must hold at the end; repeatable.")
    ] = None,
    file: Annotated[
        list[Path] | None,
        typer.Option(
            "--file", help="A file to modify; its text is shown to the models; repeatable."
        ),
    ] = None,
    metadata: Annotated[str | None, typer.Option("--metadata", help="A JSON object.")] = None,
    dedupe_key: Annotated[
        str | None,
        typer.Option("--dedupe-key", help="Cancels the older unfinished task of the same key."),
    ] = None,
    deadline: Annotated[int | None, typer.Option("--deadline", help="Seconds to live.")] = None,
    idempotency_key: Annotated[
        str | None,
        typer.Option("--idempotency-key", help="The same key and task again create nothing new."),
    ] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait, then print the result.")] = False,
    watch: Annotated[
        bool, typer.Option("--watch", help="Show the progress until the end.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Send a task, by options or by JSON files, and print its id."""
    from kyros_worker.command import new_task  # noqa: PLC0415
    from kyros_worker.command import submit as submission  # noqa: PLC0415

    options = new_task.Options(
        title, description, task_type, priority, role, complexity, tuple(criterion or ()),
        tuple(file or ()), metadata, dedupe_key, deadline,
    )  # fmt: skip
    how = submission.How(
        "watched" if watch else "waited" if wait else "accepted", as_json, idempotency_key
    )
    try:
        sent = submission.body(files or [], options)
    except new_task.UsageError as error:
        wrong(str(error))
    if idempotency_key is not None and not _is_header(idempotency_key):
        wrong("--idempotency-key must be 1 to 255 printable ASCII characters.")
    with connected() as client:
        code = submission.submit(client, sent, how)
    raise typer.Exit(code)


@task_app.command()
def watch(
    ids: Annotated[list[str] | None, typer.Argument(metavar="ID", help="task_…")] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print a task as a line of JSON at each change.")
    ] = False,
) -> None:
    """Show the progress of these tasks, or of all unfinished ones, until all are final."""
    from kyros_worker.command.watch import watch_named  # noqa: PLC0415

    with connected() as client:
        code = watch_named(client, ids or [], as_json=as_json)
    raise typer.Exit(code)


@task_app.command()
def tasks(
    status: Annotated[
        str | None,
        typer.Option(
            "--status",
            help="pending, in_progress, completed or failed",
            autocompletion=among(_STATUSES),
        ),
    ] = None,
    state: Annotated[
        str | None,
        typer.Option(
            "--state",
            help="queued, running, awaiting_approval, completed, failed or cancelled",
            autocompletion=among(_STATES),
        ),
    ] = None,
    task_type: Annotated[str | None, typer.Option("--type")] = None,
    priority: Annotated[
        str | None, typer.Option("--priority", autocompletion=among(PRIORITIES))
    ] = None,
    role: Annotated[str | None, typer.Option("--role", autocompletion=among(ROLES))] = None,
    query: Annotated[
        str | None, typer.Option("--query", "-q", help="Words in title or description.")
    ] = None,
    after: Annotated[
        str | None, typer.Option("--after", help="Created after: 2026-01-31T09:30:00Z")
    ] = None,
    before: Annotated[str | None, typer.Option("--before", help="Created before.")] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="At most so many.")] = 50,
    as_json: Json = False,
) -> None:
    """List the newest tasks."""
    from kyros_worker.command import task_text  # noqa: PLC0415

    filters = {
        "status": status, "state": state, "type": task_type, "priority": priority,
        "assignee_role": role, "q": query, "created_after": after, "created_before": before,
    }  # fmt: skip
    with connected() as client:
        found = client.tasks({key: filters[key] for key in filters if filters[key]}, limit)
    if as_json:
        print_json(found)
        return
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    print(task_text.table(found["tasks"], width) if found["tasks"] else "No task is like that.")
    if found["has_more"]:
        print(f"There are more than these {limit}: --limit shows more.", file=sys.stderr)


@task_app.command()
def show(
    task_id: Annotated[str, typer.Argument(metavar="ID", help="task_…")],
    timeline: Annotated[
        bool, typer.Option("--timeline", help="Show all that happened to it instead.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Show a task with its result."""
    from kyros_worker.command import task_text  # noqa: PLC0415

    asked = None
    with connected() as client:
        found = client.timeline(task_id) if timeline else client.task(task_id)
        if not (as_json or timeline) and found["state"] == "awaiting_approval":
            asked = client.open_escalation(task_id)
    if as_json:
        print_json(found)
    elif timeline:
        print("\n".join(task_text.event(item) for item in found["events"]))
    else:
        print(task_text.described(found, asked))


@task_app.command()
def cancel(ids: _TaskIds, as_json: _EachJson = False) -> None:
    """Cancel unfinished tasks."""
    with connected() as client:
        code = _each(ids, client.cancel, None if as_json else "cancelled")
    raise typer.Exit(code)


@task_app.command()
def retry(ids: _TaskIds, as_json: _EachJson = False) -> None:
    """Start failed or cancelled tasks again."""
    with connected() as client:
        code = _each(ids, client.retry, None if as_json else "queued again")
    raise typer.Exit(code)


@task_app.command()
def costs(
    task_id: Annotated[
        str | None, typer.Argument(metavar="[TASK]", help="One task's; all in the period without.")
    ] = None,
    period: Annotated[str, typer.Option("--period", help="1h, 6h, 1d, 7d or 30d")] = "1d",
    as_json: Json = False,
) -> None:
    """Show what was spent, on what, and what was saved."""
    from kyros_worker.command import costs_text  # noqa: PLC0415

    with connected() as client:
        found = client.costs(period) if task_id is None else client.task_costs(task_id)
    if as_json:
        print_json(found)
    else:
        costs_text.show(found)


def _each(ids: list[str], act: "Callable[[str], Task]", done: str | None) -> int:
    """Does all that can be done, whatever became of the others; the exit code.

    Prints what each task is now: in words, or without them as a line of JSON.
    """
    from kyros_worker import strict_json  # noqa: PLC0415
    from kyros_worker.command.client_error import ApiError  # noqa: PLC0415

    code = 0
    for task_id in ids:
        try:
            task = act(task_id)
        except ApiError as error:
            print(f"kyros: {error}", file=sys.stderr)
            code = FAILED
        else:
            print(f"{task_id} is {done}." if done else strict_json.dumps(task), flush=True)
    return code


def _is_header(value: str) -> bool:
    return 1 <= len(value) <= 255 and all(" " <= character <= "~" for character in value)  # noqa: PLR2004 - the contract's
