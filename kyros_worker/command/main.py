"""The `kyros` command: what a person can put right is one sentence on stderr and exit code 1."""

import logging
import os
import sys
from typing import Annotated

import typer

from kyros_worker import log
from kyros_worker.command.alert_commands import alert_app
from kyros_worker.command.application_commands import applications_app
from kyros_worker.command.audit import audit_app
from kyros_worker.command.escalation_commands import escalations_app
from kyros_worker.command.home import Home, of
from kyros_worker.command.keys import keys_app
from kyros_worker.command.maintenance_commands import maintenance_app
from kyros_worker.command.task_commands import task_app
from kyros_worker.command.users import users_app
from kyros_worker.command.webhook_commands import webhooks_app
from kyros_worker.errors import ConfigurationError
from kyros_worker.settings import load

app = typer.Typer(
    help="Kyros: software-engineering work done by language models, self-hosted.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.add_typer(task_app)
app.add_typer(escalations_app)
app.add_typer(webhooks_app)
app.add_typer(alert_app)
app.add_typer(keys_app)
app.add_typer(users_app)
app.add_typer(applications_app)
app.add_typer(maintenance_app)
app.add_typer(audit_app)


@app.command()
def up(
    detach: Annotated[
        bool, typer.Option("--detach", "-d", help="Return when the stack is ready.")
    ] = False,
) -> None:
    """Start the whole stack; Ctrl-C stops it."""
    from kyros_worker.command.up import up as run  # noqa: PLC0415

    raise typer.Exit(run(detach=detach))


@app.command()
def down() -> None:
    """Stop the stack, with whatever a killed one left."""
    from kyros_worker.command.down import down as run  # noqa: PLC0415

    run(_home())


@app.command()
def status(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show each process; exit code 3 unless all run."""
    from kyros_worker.command.status import status as run  # noqa: PLC0415

    raise typer.Exit(run(_home(), as_json=as_json))


@app.command()
def logs(
    name: Annotated[str | None, typer.Argument(help="One process; all if left out.")] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with new lines.")] = False,
    request_id: Annotated[
        str | None, typer.Option(help="Only what one request caused, in the order of time.")
    ] = None,
    task: Annotated[str | None, typer.Option(help="Only what happened to one task.")] = None,
) -> None:
    """Show the last lines of the processes' logs."""
    from kyros_worker.command.logs import logs as run  # noqa: PLC0415

    run(_home(), name, follow=follow, ids=[one for one in (request_id, task) if one])


@app.command()
def doctor(
    models: Annotated[
        bool, typer.Option("--models", help="Call each configured model once instead.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Check all that the stack needs; exit code 1 when a check fails."""
    if models:
        from kyros_worker.command.doctor_models import doctor_models  # noqa: PLC0415

        raise typer.Exit(doctor_models(os.environ, as_json=as_json))
    from kyros_worker.command.doctor import doctor as run  # noqa: PLC0415

    raise typer.Exit(run(os.environ, as_json=as_json))


@app.command()
def worker(
    role: Annotated[str, typer.Argument(help="implementer, critic, integrator or webhooks")],
) -> None:
    """Run a worker of one role, or of the deliveries of webhooks."""
    from kyros_worker.command import serve  # noqa: PLC0415

    serve.worker(role)


@app.command()
def dispatch() -> None:
    """Run the dispatcher."""
    from kyros_worker.command import serve  # noqa: PLC0415

    serve.dispatch()


@app.command()
def api() -> None:
    """Run the HTTP API."""
    from kyros_worker.command import serve  # noqa: PLC0415

    serve.api()


@app.command()
def flower() -> None:
    """Run Flower."""
    from kyros_worker.command import serve  # noqa: PLC0415

    serve.flower()


@app.command()
def migrate() -> None:
    """Bring the database's schema up to date."""
    from kyros_worker.command import serve  # noqa: PLC0415

    serve.migrate()


def main() -> None:
    """The entry point."""
    try:
        app()
    except ConfigurationError as error:
        _tell(str(error))
        sys.exit(1)
    except BrokenPipeError:
        # What read our output has seen enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        _tell(f"{place}{error.strerror or error}.")
        sys.exit(1)


def _tell(sentence: str) -> None:
    """Says why it ends: to a person, or in a log that is read by programs."""
    if log.writes_json():
        logging.getLogger("kyros").critical(sentence)
    else:
        print(f"kyros: {sentence}", file=sys.stderr)


def _home() -> Home:
    return of(load(os.environ, with_stack=False).home)
