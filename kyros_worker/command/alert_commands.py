"""`kyros alerts`: what people should look at, asked over HTTP."""

from typing import Annotated, Any

import typer

from kyros_worker.command.over_http import Json, among, connected, print_json

alert_app = typer.Typer(add_completion=False)

_STATUSES = ("raised", "resolved")


@alert_app.command()
def alerts(
    status: Annotated[
        str | None,
        typer.Option(
            "--status",
            help="raised (those that are open), resolved.",
            autocompletion=among(_STATUSES),
        ),
    ] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="At most so many.")] = 50,
    as_json: Json = False,
) -> None:
    """List what people should look at, newest first."""
    with connected() as client:
        found = client.alerts({} if status is None else {"status": status}, limit)
    if as_json:
        print_json(found)
        return
    for one in found["alerts"]:
        print(_line(one))
    if not found["alerts"]:
        print("There is no alert like that.")


def _line(one: dict[str, Any]) -> str:
    """One line: a message may hold what a provider said."""
    from kyros_worker.command.printable import line  # noqa: PLC0415
    from kyros_worker.command.task_text import time  # noqa: PLC0415

    end = f"until {time(one['resolved_at'])}" if one["resolved_at"] else "open"
    return line(f"{time(one['raised_at'])} {end} {one['alert']} {one['message']}")
