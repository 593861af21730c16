"""`kyros applications`: OAuth2 applications, in the database itself, so no key is needed for it.

The database's library is imported by the commands that need it: it would slow every other one.
"""

import json
from typing import Annotated, Any

import typer

from kyros_worker.audit.actor import COMMAND_LINE
from kyros_worker.auth.subject import PERMISSIONS
from kyros_worker.command.in_database import WRONG, fail, one_sentence
from kyros_worker.command.printable import line

applications_app = typer.Typer(
    name="applications",
    help="Register and change OAuth2 applications.",
    no_args_is_help=True,
    add_completion=False,
)

_Json = Annotated[bool, typer.Option("--json", help="Answer as one line of JSON.")]
_Id = Annotated[str, typer.Argument(metavar="ID", help="The application's id, oac_…")]
_RedirectUris = Annotated[
    list[str] | None,
    typer.Option("--redirect-uri", "-r", help="May be repeated; compared exactly as written."),
]
_Permissions = Annotated[
    list[str] | None,
    typer.Option(
        "--permission",
        "-p",
        help=f"The most that it can be given; may be repeated. One of: {', '.join(PERMISSIONS)}.",
    ),
]


@applications_app.command("create")
def create(
    name: Annotated[str, typer.Argument(help="What people see when they are asked.")],
    redirect_uri: _RedirectUris = None,
    permission: _Permissions = None,
    public: Annotated[
        bool, typer.Option("--public", help="It can keep no secret, and must use PKCE.")
    ] = False,
    for_itself: Annotated[
        bool, typer.Option("--for-itself", help="It may also act without a person.")
    ] = False,
    as_json: _Json = False,
) -> None:
    """Register an application and print its client id and secret, this once.

    Without --permission it can be given what a request without a scope asks for.
    """
    from kyros_worker.database import transaction  # noqa: PLC0415
    from kyros_worker.oauth2.applications import register  # noqa: PLC0415
    from kyros_worker.oauth2.scope import DEFAULT  # noqa: PLC0415

    with one_sentence(), transaction() as connection:
        made = register(
            connection,
            COMMAND_LINE,
            name=name,
            redirect_uris=redirect_uri or [],
            permissions=permission or DEFAULT,
            public=public,
            acts_for_itself=for_itself,
        )
    _tell_secret(made, as_json=as_json)


@applications_app.command("list")
def list_applications(
    limit: Annotated[int, typer.Option("--limit", min=1, max=10_000)] = 200,
    as_json: _Json = False,
) -> None:
    """List the applications, newest first."""
    from kyros_worker.database import read  # noqa: PLC0415
    from kyros_worker.oauth2.queries import newest_applications  # noqa: PLC0415

    with one_sentence(), read() as connection:
        found = newest_applications(connection, limit)
    if as_json:
        print(json.dumps(found))
    for one in [] if as_json else found:
        print(f"{one['id']}  {_kind(one):12}  {line(one['name'])}")


@applications_app.command("show")
def show(application_id: _Id, as_json: _Json = False) -> None:
    """Show an application."""
    from kyros_worker.database import read  # noqa: PLC0415
    from kyros_worker.oauth2.queries import application  # noqa: PLC0415

    with one_sentence(), read() as connection:
        found = application(connection, application_id)
    _tell(found, as_json=as_json)


@applications_app.command("change")
def change(
    application_id: _Id,
    name: Annotated[str | None, typer.Option("--name", help="Another name.")] = None,
    redirect_uri: _RedirectUris = None,
    permission: _Permissions = None,
    for_itself: Annotated[
        bool | None,
        typer.Option("--for-itself/--not-for-itself", help="Whether it acts without a person."),
    ] = None,
    as_json: _Json = False,
) -> None:
    """Change an application; what is given replaces what was."""
    from kyros_worker.database import transaction  # noqa: PLC0415
    from kyros_worker.oauth2 import applications  # noqa: PLC0415

    if all(given is None for given in (name, redirect_uri, permission, for_itself)):
        fail("Say what is to change: see kyros applications change --help.", WRONG)
    with one_sentence(), transaction() as connection:
        changed = applications.change(
            connection,
            COMMAND_LINE,
            application_id,
            name=name,
            redirect_uris=redirect_uri,
            permissions=permission,
            acts_for_itself=for_itself,
        )
    _tell(changed, as_json=as_json)


@applications_app.command("rotate-secret")
def rotate_secret(application_id: _Id, as_json: _Json = False) -> None:
    """Make a new client secret and print it, this once; the old one is refused at once."""
    from kyros_worker.database import transaction  # noqa: PLC0415
    from kyros_worker.oauth2 import applications  # noqa: PLC0415

    with one_sentence(), transaction() as connection:
        rotated = applications.rotate_secret(connection, COMMAND_LINE, application_id)
    _tell_secret(rotated, as_json=as_json)


@applications_app.command("delete")
def delete(application_id: _Id, as_json: _Json = False) -> None:
    """Delete an application: its tokens are refused everywhere within two seconds."""
    from kyros_worker.database import transaction  # noqa: PLC0415
    from kyros_worker.oauth2 import applications  # noqa: PLC0415

    with one_sentence(), transaction() as connection:
        deleted = applications.delete(connection, COMMAND_LINE, application_id)
    print(json.dumps(deleted) if as_json else f"{application_id} is deleted.")


def _tell_secret(application: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(application))
        return
    print(f"client id      {application['id']}")
    if application["client_secret"]:
        print(f"client secret  {application['client_secret']}")


def _tell(application: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(application))
        return
    for label, text in (
        ("client id", application["id"]),
        ("name", line(application["name"])),
        ("kind", _kind(application)),
        ("for itself", "yes" if application["acts_for_itself"] else "no"),
        ("permissions", " ".join(application["permissions"])),
        ("redirect URIs", " ".join(application["redirect_uris"]) or "none"),
        ("registered", f"{application['created_at']} by {application['created_by']}"),
    ):
        print(f"{label:14} {text}")


def _kind(application: dict[str, Any]) -> str:
    return "public" if application["public"] else "confidential"
