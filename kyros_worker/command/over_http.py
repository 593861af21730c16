"""What the commands over HTTP share: the client, how they answer, and how they fail.

Exit codes: 0 done; 1 the API refused or can't be reached; 2 wrong usage; 130 interrupted.
"""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

if TYPE_CHECKING:
    from kyros_worker.command.client import Client

FAILED = 1
_WRONG_USAGE = 2
_INTERRUPTED = 130

Json = Annotated[bool, typer.Option("--json", help="Print the answer's data as JSON.")]
#: What the shell completes; whether a word is right is the API's to say.
PRIORITIES = ("low", "medium", "high", "critical")


def among(words: tuple[str, ...]) -> Callable[[str], list[str]]:
    """The completion of a word that is one of these."""

    def complete(incomplete: str) -> list[str]:
        return [word for word in words if word.startswith(incomplete)]

    return complete


@contextmanager
def connected() -> "Iterator[Client]":
    """The client of this environment; what goes wrong with it is told and ends the command."""
    from kyros_worker.command.client import Client  # noqa: PLC0415
    from kyros_worker.command.client_error import ClientError  # noqa: PLC0415
    from kyros_worker.command.server import find  # noqa: PLC0415
    from kyros_worker.settings import load  # noqa: PLC0415

    for output in (sys.stdout, sys.stderr):
        # A terminal without Unicode shows a question mark rather than a traceback.
        if isinstance(output, TextIOWrapper):
            output.reconfigure(errors="replace")
    try:
        yield Client(find(load(os.environ, with_stack=False)))
    except ClientError as error:
        print(f"kyros: {error}", file=sys.stderr)
        raise typer.Exit(FAILED) from None
    except KeyboardInterrupt:
        raise typer.Exit(_INTERRUPTED) from None


def wrong(sentence: str) -> NoReturn:
    """Ends the command: what was typed is wrong."""
    from kyros_worker.command.printable import line  # noqa: PLC0415

    print(f"kyros: {line(sentence)}", file=sys.stderr)
    raise typer.Exit(_WRONG_USAGE)


def print_json(value: Any) -> None:
    """Prints a value as one line of JSON."""
    from kyros_worker import strict_json  # noqa: PLC0415

    print(strict_json.dumps(value))
