"""Doing a piece of work once, however often it is asked for with the same key.

The key's row is written in the transaction of the work itself: both are there or neither is. Of
two requests at once the second waits in Postgres for the first to commit, then gets its answer;
where the first fails, its row is gone with the rest and the second does the work.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import timedelta
from hashlib import sha256
from typing import Any

from psycopg2.errors import LockNotAvailable
from sqlalchemy import bindparam, delete, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import OperationalError

from kyros_worker import strict_json
from kyros_worker.clock import now
from kyros_worker.database import Connection, transaction
from kyros_worker.errors import ConflictError
from kyros_worker.idempotency.tables import IdempotencyKey

KEPT_FOR = timedelta(hours=24)
WAIT_SECONDS = 10


_WAIT = text(f"SET LOCAL lock_timeout = '{WAIT_SECONDS}s'")
_new = insert(IdempotencyKey)
_TAKE = _new.on_conflict_do_update(
    index_elements=["credential_id", "route", "key"],
    set_={name: _new.excluded[name] for name in ("body_hash", "status", "body", "created_at")},
    where=IdempotencyKey.created_at < bindparam("oldest"),
).returning(IdempotencyKey.key)


@dataclass(frozen=True)
class Made:
    """What a piece of work made: the answer's data, and which of its fields are shown this once."""

    data: Any
    status: int = 201
    secret_fields: tuple[str, ...] = ()


@dataclass(frozen=True)
class Asked:
    """A request with an idempotency key."""

    credential_id: str
    route: str
    key: str
    body_hash: str


@dataclass(frozen=True)
class Answer:
    """What to answer: a status, the data as JSON text, and whether it was kept from before."""

    status: int
    data: str
    replayed: bool = False


def body_hash(path: str, body: Any) -> str:
    """What makes two requests the same one."""
    return sha256(f"{path}\n{strict_json.canonical(body)}".encode()).hexdigest()


def once(asked: Asked | None, work: Callable[[Connection], Made]) -> Answer:
    """Do the work in one transaction, or give the answer that the same request had before.

    Without a key (None) the work is simply done. Raises ConflictError (409) for a key that was
    used with another body, and for one whose first request takes longer than ten seconds.
    Whatever the work raises rolls all of it back, and nothing is kept.
    """
    with transaction() as connection:
        if asked is None:
            made = work(connection)
            return Answer(made.status, strict_json.dumps(made.data))
        if not _begin(connection, asked):
            return _kept(connection, asked)
        made = work(connection)
        answer = Answer(made.status, strict_json.dumps(made.data))
        _keep(connection, asked, made, answer)
        return answer


def expire(connection: Connection, limit: int) -> int:
    """Delete up to `limit` keys that are past their time; answers how many."""
    table = IdempotencyKey
    old = (
        select(table.credential_id, table.route, table.key)
        .where(table.created_at < now() - KEPT_FOR)
        .limit(limit)
        .with_for_update(skip_locked=True)
        # As a subquery it could be asked for each row again, and the limit would be none.
        .cte("old")
    )
    found = (table.credential_id == old.c.credential_id, table.route == old.c.route)
    return connection.execute(delete(table).where(*found, table.key == old.c.key)).rowcount


def _begin(connection: Connection, asked: Asked) -> bool:
    """Whether the work is ours to do: the key is new, or older than a day."""
    at = now()
    # For the rest of the transaction too, which is short.
    connection.execute(_WAIT)
    values = {"status": None, "body": None, "created_at": at, "oldest": at - KEPT_FOR}
    try:
        taken = connection.execute(_TAKE, {**asdict(asked), **values}).one_or_none()
    except OperationalError as error:
        if isinstance(error.orig, LockNotAvailable):
            raise ConflictError(
                "The first request with this Idempotency-Key is still being worked on.",
                code="idempotency_in_progress",
                headers={"Retry-After": "2"},
            ) from None
        raise
    return taken is not None


def _kept(connection: Connection, asked: Asked) -> Answer:
    columns = (IdempotencyKey.body_hash, IdempotencyKey.status, IdempotencyKey.body)
    row = connection.execute(select(*columns).where(*_is(asked))).one()
    if row.body_hash != asked.body_hash:
        raise ConflictError(
            "This Idempotency-Key was used with another request.", code="idempotency_mismatch"
        )
    return Answer(row.status, row.body, replayed=True)


def _keep(connection: Connection, asked: Asked, made: Made, answer: Answer) -> None:
    body = answer.data
    if made.secret_fields:
        body = strict_json.dumps({**made.data, **dict.fromkeys(made.secret_fields)})
    statement = update(IdempotencyKey).where(*_is(asked))
    connection.execute(statement.values(status=answer.status, body=body))


def _is(asked: Asked) -> tuple[Any, ...]:
    return (
        IdempotencyKey.credential_id == asked.credential_id,
        IdempotencyKey.route == asked.route,
        IdempotencyKey.key == asked.key,
    )
