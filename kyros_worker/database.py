"""The connection to Postgres, and the only commit.

Everything that changes state does so within `transaction()`: the row, its event and what follows
from it are written together or not at all (design, law 2). No transaction is held while the
network is slow (law 3).
"""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import psycopg2
from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import DBAPIError, InterfaceError, InvalidatePoolError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.types import JSON

from kyros_worker import strict_json
from kyros_worker.prepared import prepare_statements
from kyros_worker.settings import current

__all__ = ["Connection", "Table", "engine", "is_away", "read", "transaction"]


_TRUSTED_SECONDS = 1.0
_JSON = JSON(none_as_null=True)


class Table(DeclarativeBase):
    """The base of every table.

    JSON columns are `json`, not `jsonb`: what a client sends comes back with its keys in order.
    """

    type_annotation_map = {  # noqa: RUF012
        dict[str, Any]: _JSON,
        list[str]: _JSON,
        list[dict[str, Any]]: _JSON,
    }


_statement_seconds = 60.0


def bound_statements(seconds: float) -> None:
    """Have Postgres end each statement of this process after so long, instead of a minute.

    To be called before the first connection is made.
    """
    global _statement_seconds  # noqa: PLW0603 - one for each process is the point
    _statement_seconds = seconds


@lru_cache(maxsize=1)
def engine() -> Engine:
    """The pool of connections of this process, made at first use (after any fork)."""
    made = create_engine(
        driver_url(current().required_database_url()),
        pool_size=8,
        max_overflow=24,
        pool_timeout=15,
        connect_args={
            "connect_timeout": 5,
            "application_name": "kyros",
            "keepalives_idle": 10,
            "keepalives_interval": 5,
            "keepalives_count": 3,
            "options": f"-c statement_timeout={_statement_seconds * 1000:.0f} -c timezone=UTC",
        },
        # An error's text would show the values, which may be secrets, and what customers wrote.
        hide_parameters=True,
        json_serializer=strict_json.dumps,
        json_deserializer=strict_json.loads_stored,
    )
    prepare_statements(made)
    _ask_idle_connections(made)
    return made


def _ask_idle_connections(made: Engine) -> None:
    """Asks a connection that has rested whether its server still answers; else it is replaced.

    Asking each time would cost a round trip for each transaction.
    """

    def rests(_: Any, record: ConnectionPoolEntry) -> None:
        record.info["rests_since"] = time.monotonic()

    def ask(connection: Any, record: ConnectionPoolEntry, _: Any) -> None:
        rested = time.monotonic() - record.info.get("rests_since", math.inf)
        if rested > _TRUSTED_SECONDS:
            try:
                made.dialect.do_ping(connection)
            except psycopg2.Error as error:
                raise InvalidatePoolError from error

    event.listen(made, "checkin", rests)
    event.listen(made, "checkout", ask)


def driver_url(database_url: str) -> URL:
    """The address for SQLAlchemy, whose own choice of a driver would be another."""
    return make_url(database_url).set(drivername="postgresql+psycopg2")


@contextmanager
def transaction() -> Iterator[Connection]:
    """One transaction: committed when the block ends well, rolled back when it raises."""
    with engine().begin() as connection:
        yield connection


@contextmanager
def read() -> Iterator[Connection]:
    """A connection for statements that only read, each its own snapshot."""
    try:
        with engine().connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            yield connection
    except psycopg2.Error as error:
        # Giving back a connection whose server has gone raises the driver's own error.
        raise OperationalError(None, None, error) from error


def is_away(error: BaseException) -> bool:
    """Whether the database can't be used now, so that asking again may help.

    It is away, was restarted, takes too long, or every connection of the pool is taken.
    """
    away = isinstance(error, OperationalError | InterfaceError | PoolTimeoutError)
    return away or (isinstance(error, DBAPIError) and error.connection_invalidated)
