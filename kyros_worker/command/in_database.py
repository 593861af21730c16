"""What the commands that work in the database itself share: their mode, and how they fail."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, NoReturn, cast, get_args

import typer

from kyros_worker.auth.subject import Mode
from kyros_worker.errors import ConfigurationError, KyrosError
from kyros_worker.settings import current

#: Exit codes: what was asked for can't be done; what was typed is wrong.
FAILED = 1
WRONG = 2

ModeOption = Annotated[
    str | None, typer.Option("--mode", help="test or live; default: the deployment's own.")
]


@contextmanager
def one_sentence() -> Iterator[None]:
    """Tells what a person can put right in one sentence, and ends the command."""
    from kyros_worker.database import is_away  # noqa: PLC0415

    try:
        yield
    except KyrosError as error:
        fail(error.message, FAILED)
    except ConfigurationError as error:
        fail(str(error), FAILED)
    except Exception as error:
        if not is_away(error):
            raise
        fail("The database can't be reached.", FAILED)


def fail(sentence: str, code: int) -> NoReturn:
    """Ends the command with a sentence on stderr."""
    print(f"kyros: {sentence}", file=sys.stderr)
    raise typer.Exit(code)


def known_mode(mode: str | None) -> Mode | None:
    """The mode that was typed, if any; ends the command when it is none."""
    if mode is not None and mode not in get_args(Mode):
        fail(f"{mode} is no mode; there are test and live.", WRONG)
    return cast("Mode | None", mode)


def own_mode() -> Mode:
    """The deployment's own mode."""
    return "test" if current().test_mode else "live"
