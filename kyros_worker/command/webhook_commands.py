"""`kyros webhooks`: who is told what happens, what came of it, and a way to try a receiver.

All ask the API, with the exit codes of the commands about tasks. A secret is read from a file: what
is typed can be seen by everybody on the machine.
"""

import shutil
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from kyros_worker.command.over_http import Json, among, connected, print_json, wrong
from kyros_worker.words import EVENT_NAMES

webhooks_app = typer.Typer(
    name="webhooks",
    help="Tell endpoints what happens, see what came of it, and try a receiver.",
    no_args_is_help=True,
    add_completion=False,
)

_Id = Annotated[str, typer.Argument(metavar="ID", help="whk_…")]
_Description = Annotated[str | None, typer.Option("--description", help="For people.")]
_Limit = Annotated[int, typer.Option("--limit", "-n", min=1, help="At most so many.")]
_EVENT_OPTION = typer.Option(
    "--event", help="May be repeated: task.completed, task.*, *.", autocompletion=among(EVENT_NAMES)
)
_Events = Annotated[list[str] | None, _EVENT_OPTION]
_SecretFile = Annotated[
    Path | None, typer.Option("--secret-file", help="A file with a secret of your own.")
]


@webhooks_app.command()
def create(
    url: Annotated[str, typer.Argument(metavar="URL", help="Where events are sent to.")],
    event: Annotated[list[str], _EVENT_OPTION],
    secret_file: _SecretFile = None,
    description: _Description = None,
    disabled: Annotated[
        bool, typer.Option("--disabled", help="Hold what is to be sent until it is enabled.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Make a webhook, and print its id and, this once, the secret made for it."""
    body: dict[str, Any] = {"url": url, "events": event, "enabled": not disabled}
    if secret_file is not None:
        body["secret"] = _secret(secret_file)
    if description is not None:
        body["description"] = description
    with connected() as client:
        made = client.create_webhook(body)
    if as_json:
        print_json(made)
        return
    print(made["id"])
    if secret_file is None:
        _print_secret(made)


@webhooks_app.command("list")
def list_webhooks(limit: _Limit = 50, as_json: Json = False) -> None:
    """List the newest webhooks."""
    from kyros_worker.command import webhook_text  # noqa: PLC0415

    with connected() as client:
        found = client.webhooks(limit)
    if as_json:
        print_json(found)
        return
    webhooks = found["webhooks"]
    print(webhook_text.table(webhooks, _width()) if webhooks else "There is no webhook.")
    _tell_of_more(found, limit)


@webhooks_app.command()
def show(webhook_id: _Id, as_json: Json = False) -> None:
    """Show a webhook: where it sends what, and whether it is enabled."""
    from kyros_worker.command import webhook_text  # noqa: PLC0415

    with connected() as client:
        found = client.webhook(webhook_id)
    if as_json:
        print_json(found)
    else:
        print(webhook_text.described(found))


@webhooks_app.command()
def change(
    webhook_id: _Id,
    url: Annotated[str | None, typer.Option("--url", help="Where events are sent to.")] = None,
    event: _Events = None,
    description: _Description = None,
    as_json: Json = False,
) -> None:
    """Change a webhook; what is not named stays."""
    named = {"url": url, "events": event or None, "description": description}
    body = {key: value for key, value in named.items() if value is not None}
    if not body:
        wrong("Name what is to change: --url, --event or --description.")
    _change(webhook_id, body, "changed", as_json=as_json)


@webhooks_app.command()
def enable(webhook_id: _Id, as_json: Json = False) -> None:
    """Enable a webhook: it gets what was held meanwhile."""
    _change(webhook_id, {"enabled": True}, "enabled", as_json=as_json)


@webhooks_app.command()
def disable(webhook_id: _Id, as_json: Json = False) -> None:
    """Disable a webhook: what is to be sent to it is held."""
    _change(webhook_id, {"enabled": False}, "disabled", as_json=as_json)


@webhooks_app.command()
def delete(webhook_id: _Id, as_json: Json = False) -> None:
    """Delete a webhook: nothing is sent to it any more."""
    with connected() as client:
        deleted = client.delete_webhook(webhook_id)
    if as_json:
        print_json(deleted)
    else:
        print(f"{webhook_id} is deleted.")


@webhooks_app.command("rotate-secret")
def rotate_secret(webhook_id: _Id, as_json: Json = False) -> None:
    """Make a new secret and print it, this once; both sign until it is activated."""
    with connected() as client:
        made = client.rotate_webhook_secret(webhook_id)
    if as_json:
        print_json(made)
    else:
        _print_secret(made)


@webhooks_app.command("activate-secret")
def activate_secret(webhook_id: _Id, as_json: Json = False) -> None:
    """Have the new secret sign alone."""
    with connected() as client:
        found = client.activate_webhook_secret(webhook_id)
    if as_json:
        print_json(found)
    else:
        print(f"The new secret of {webhook_id} signs alone.")


@webhooks_app.command("test")
def send_test(webhook_id: _Id, as_json: Json = False) -> None:
    """Send the test event, and print the id of its delivery."""
    with connected() as client:
        delivery = client.test_webhook(webhook_id)
    if as_json:
        print_json(delivery)
    else:
        print(delivery["id"])


@webhooks_app.command()
def deliveries(webhook_id: _Id, limit: _Limit = 50, as_json: Json = False) -> None:
    """List the newest deliveries of a webhook, and what came of them."""
    from kyros_worker.command import webhook_text  # noqa: PLC0415

    with connected() as client:
        found = client.deliveries(webhook_id, limit)
    if as_json:
        print_json(found)
        return
    rows = found["deliveries"]
    print(webhook_text.deliveries(rows, _width()) if rows else "Nothing was to be sent yet.")
    _tell_of_more(found, limit)


@webhooks_app.command()
def redeliver(
    webhook_id: _Id,
    delivery_id: Annotated[str, typer.Argument(metavar="DELIVERY_ID", help="dlv_…")],
    as_json: Json = False,
) -> None:
    """Send a delivery again at once."""
    with connected() as client:
        delivery = client.redeliver(webhook_id, delivery_id)
    if as_json:
        print_json(delivery)
    else:
        print(f"{delivery_id} is sent again.")


@webhooks_app.command()
def replay(
    webhook_id: _Id,
    since: Annotated[
        str, typer.Option("--since", metavar="TIME", help="Like 2026-01-31T09:30:00Z.")
    ],
    as_json: Json = False,
) -> None:
    """Send everything since a time again."""
    with connected() as client:
        replayed = client.replay_webhook(webhook_id, since)
    if as_json:
        print_json(replayed)
        return
    count = replayed["deliveries"]
    print("1 delivery is sent again." if count == 1 else f"{count} deliveries are sent again.")


@webhooks_app.command()
def listen(
    event: _Events = None,
    forward: Annotated[
        str | None, typer.Option("--forward", metavar="URL", help="Where each one is posted to.")
    ] = None,
    secret_file: _SecretFile = None,
) -> None:
    """Print events as they happen, and post them signed to a receiver; Ctrl-C ends it."""
    from kyros_worker.command import webhook_listen  # noqa: PLC0415

    if forward is not None and not webhook_listen.is_address(forward):
        wrong("--forward must be an address such as http://127.0.0.1:3000/webhooks.")
    secret = None if secret_file is None else _secret(secret_file)
    with connected() as client:
        code = webhook_listen.listen(client, event or ["*"], forward, secret)
    raise typer.Exit(code)


def _change(webhook_id: str, body: dict[str, Any], done: str, *, as_json: bool) -> None:
    with connected() as client:
        changed = client.change_webhook(webhook_id, body)
    if as_json:
        print_json(changed)
    else:
        print(f"{webhook_id} is {done}.")


def _secret(path: Path) -> str:
    try:
        secret = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        wrong(f"--secret-file: {path} can't be read.")
    if not secret:
        wrong(f"--secret-file: {path} is empty.")
    return secret


def _print_secret(made: dict[str, Any]) -> None:
    from kyros_worker.command.printable import line  # noqa: PLC0415

    if made["secret"] is None:
        # The first answer was lost on its way, and a repeated one tells no secret.
        print("The secret was lost on its way: make another with rotate-secret.", file=sys.stderr)
    else:
        print(line(made["secret"]))


def _width() -> int | None:
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def _tell_of_more(found: dict[str, Any], limit: int) -> None:
    if found["has_more"]:
        print(f"There are more than these {limit}: --limit shows more.", file=sys.stderr)
