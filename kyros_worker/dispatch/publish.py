"""Publishing what was committed: a queue message for every submission that is due.

A row is marked first, with a short delay until it would be published again, then its message is
sent, then the row gets its long delay. So a dispatcher that dies in between loses nothing, and no
transaction is held while the broker is slow. A message that is sent twice finds nothing to do.

The publisher has a connection of its own, on which each statement is its own transaction and waits
for no disk: a mark that a crash of Postgres undoes is one more message that finds nothing to do.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta

from celery import Celery
from kombu.messaging import Producer
from sqlalchemy import Connection, Row, func, select, text, update

from kyros_worker.bulk import is_one_of
from kyros_worker.database import engine
from kyros_worker.dispatch.message import send_message
from kyros_worker.fleet.maintenance import is_on
from kyros_worker.log import FACTS
from kyros_worker.prepared import PREPARED
from kyros_worker.queue.names import PRIORITIES, RUN_SUBMISSION
from kyros_worker.submission.tables import Submission

#: How many rows one round publishes at most.
AT_ONCE = 500
#: How soon a marked row is published again when its message could not be sent.
_MARK = timedelta(seconds=3)
#: The first delay until a queued row is published again; it doubles, so that a long backlog is
#: never flooded with second messages.
_REPEAT_SECONDS = 60
_MOST_DOUBLINGS = 10


@contextmanager
def publishing() -> Iterator[Connection]:
    """The publisher's connection, on which it can listen too."""
    with engine().connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.detach()
        connection.execute(text("SET synchronous_commit = off"))
        yield connection


def publish_due(connection: Connection, app: Celery, producer: Producer) -> int:
    """Publishes up to 500 due submissions in one round trip; gives how many.

    During maintenance none. Raises the broker's errors.
    """
    rows = _mark_due(connection)
    if rows:
        with producer.batch():  # type: ignore[no-untyped-call]
            for row in rows:
                # What Flower shows: ids, role and priority, no texts; its list cuts what is long.
                shown = f"{PRIORITIES[row.priority]}, {row.task_id}, {row.role}, {row.id}"
                send_message(
                    app, producer, RUN_SUBMISSION, row.role, row.id,
                    shown=shown, priority=row.priority,
                )  # fmt: skip
        _mark_published(connection, [row.id for row in rows], rows[0].publish_at)
        for row in rows:
            FACTS.debug(
                "published",
                role=row.role,
                priority=PRIORITIES[row.priority],
                task_id=row.task_id,
                submission_id=row.id,
                request_id=row.request_id,
            )
    return len(rows)


def _mark_due(connection: Connection) -> Sequence[Row[str, str, str, int, str, datetime]]:
    due = (
        select(Submission.id)
        .where(Submission.state == "queued", Submission.publish_at <= func.now(), ~is_on())
        .order_by(Submission.publish_at)
        .limit(AT_ONCE)
        .with_for_update(skip_locked=True)
        .cte("due")
    )
    statement = (
        update(Submission)
        .where(Submission.id == due.c.id)
        .values(publish_at=func.now() + _MARK)
        .returning(
            Submission.id,
            Submission.task_id,
            Submission.role,
            Submission.priority,
            Submission.request_id,
            Submission.publish_at,
        )
        .execution_options(**PREPARED)
    )
    marked = connection.execute(statement).all()
    return sorted(marked, key=lambda row: row.id)


def _mark_published(connection: Connection, ids: list[str], marked: datetime) -> None:
    doublings = func.least(Submission.published, _MOST_DOUBLINGS)
    seconds = _REPEAT_SECONDS * func.power(2, doublings)
    statement = (
        update(Submission)
        .where(
            is_one_of(Submission.id, "ids"),
            Submission.state == "queued",
            # Claimed and given back meanwhile: it has a new time to be published at.
            Submission.publish_at == marked,
        )
        .values(
            published=Submission.published + 1,
            published_at=func.now(),
            publish_at=func.now() + func.make_interval(0, 0, 0, 0, 0, 0, seconds),
        )
        .execution_options(**PREPARED)
    )
    connection.execute(statement, {"ids": ids})
