"""Statements that Postgres parses once a connection, and plans a few times.

Of the time that a short statement takes, most would be its parsing and planning. psycopg2 prepares
nothing by itself, so a statement with the option `PREPARED` is sent as PREPARE and EXECUTE.
"""

import re
from functools import lru_cache
from hashlib import sha256
from typing import Any, Final

from sqlalchemy import Connection, Engine, event

#: The execution options of a statement whose text is always the same. Postgres infers what type a
#: parameter has from what it is compared with or written to.
PREPARED: Final = {"prepared": True}

_PLACEHOLDER = re.compile(r"%\((\w+)\)s|%%")


def prepare_statements(engine: Engine) -> None:
    """Has the engine prepare the statements that carry the option."""
    event.listen(engine, "before_cursor_execute", _prepare, retval=True)


def _prepare(
    connection: Connection,
    cursor: Any,
    statement: str,
    parameters: Any,
    context: Any,
    executemany: bool,
) -> tuple[str, Any]:
    if executemany or not context.execution_options.get("prepared"):
        return statement, parameters
    name, body, execute = _parts(statement)
    # What was prepared outlives its transaction, and ends with the connection, as `info` does.
    known = connection.info.setdefault("prepared", set())
    if name not in known:
        cursor.execute(f"PREPARE {name} AS {body}")
        known.add(name)
    return execute, parameters


@lru_cache(maxsize=512)
def _parts(statement: str) -> tuple[str, str, str]:
    """A statement's name, its text with numbered parameters, and what executes it."""
    names: list[str] = []

    def numbered(found: re.Match[str]) -> str:
        if found[1] is None:
            return "%"
        if found[1] not in names:
            names.append(found[1])
        return f"${names.index(found[1]) + 1}"

    body = _PLACEHOLDER.sub(numbered, statement)
    name = f"kyros_{sha256(statement.encode()).hexdigest()[:16]}"
    arguments = ", ".join(f"%({one})s" for one in names)
    return name, body, f"EXECUTE {name}({arguments})" if names else f"EXECUTE {name}"
