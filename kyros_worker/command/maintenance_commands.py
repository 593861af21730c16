"""`kyros maintenance`: whether workers may start anything new, asked and changed over HTTP."""

from typing import Annotated, Any

import typer

from kyros_worker.command.over_http import Json, connected, print_json

maintenance_app = typer.Typer(
    name="maintenance",
    help="Let workers finish what runs and start nothing new, for as long as you need.",
    no_args_is_help=True,
    add_completion=False,
)


@maintenance_app.command()
def on(
    message: Annotated[
        str | None, typer.Option("--message", help="For whoever asks why nothing begins.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Turn maintenance on: tasks are accepted, and wait."""
    body = {"enabled": True}
    _change(body if message is None else body | {"message": message}, as_json=as_json)


@maintenance_app.command()
def off(as_json: Json = False) -> None:
    """Turn maintenance off: what waited begins at once."""
    _change({"enabled": False}, as_json=as_json)


@maintenance_app.command()
def status(as_json: Json = False) -> None:
    """Show whether maintenance is on."""
    with connected() as client:
        found = client.maintenance()
    _show(found, as_json=as_json)


def _change(body: dict[str, Any], *, as_json: bool) -> None:
    with connected() as client:
        changed = client.change_maintenance(body)
    _show(changed, as_json=as_json)


def _show(state: dict[str, Any], *, as_json: bool) -> None:
    from kyros_worker.command.printable import indented, line  # noqa: PLC0415
    from kyros_worker.command.task_text import time  # noqa: PLC0415

    if as_json:
        print_json(state)
        return
    since = ""
    if state["changed_at"]:
        since = f" since {time(state['changed_at'])}, by {line(state['changed_by'])}"
    print(f"Maintenance is {'on' if state['enabled'] else 'off'}{since}.")
    if state["message"]:
        print(indented(state["message"], "  | "))
