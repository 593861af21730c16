"""Noticing that Redis was emptied or started again, and publishing again what it may have lost."""

import logging
import time
from datetime import UTC, datetime, timedelta

from redis import Redis
from sqlalchemy import ColumnElement, func, select, true, update

from kyros_worker.database import transaction
from kyros_worker.submission.tables import Submission

_LOG = logging.getLogger(__name__)
_AT_ONCE = 5000
_KEY = "kyros:sentinel"
#: A Redis that keeps an append-only file loses about one second when it dies.
_LOST_BEFORE = timedelta(seconds=10)


def check(redis: Redis) -> None:
    """Compares the sentinel with the server's run; raises the broker's errors.

    Without a sentinel Redis was emptied: every queued submission is published again. With that of
    another run it was started again from its file: what was published shortly before the last
    sentinel, or after it, is published again. The rows first, then the sentinel: who dies between
    the two repeats it.
    """
    run = redis.info("server")["run_id"]
    found = redis.get(_KEY)
    if found is None:
        _publish_again(true(), "Redis was emptied")
    else:
        found_run, _, written_at = str(found).partition(" ")
        if found_run != run:
            since = datetime.fromtimestamp(float(written_at), UTC) - _LOST_BEFORE
            _publish_again(Submission.published_at > since, "Redis was started again")
    redis.set(_KEY, f"{run} {time.time()}")


def _publish_again(which: ColumnElement[bool], why: str) -> None:
    count = 0
    with transaction() as connection:
        begun = connection.execute(select(func.now())).scalar_one()
    while changed := _publish_some_again(which, begun):
        count += changed
    if count:
        _LOG.warning("%s: %s queued submissions are published again.", why, count)


def _publish_some_again(which: ColumnElement[bool], begun: datetime) -> int:
    """A part at a time: one statement over a backlog of a million would hold its locks for long.

    What another dispatcher published since `begun` is in the new Redis already.
    """
    published = (
        select(Submission.id)
        .where(
            Submission.state == "queued",
            Submission.published > 0,
            Submission.published_at <= begun,
            which,
        )
        .limit(_AT_ONCE)
        .with_for_update(skip_locked=True)
        # As a subquery it could be asked for each row again, and the limit would be none.
        .cte("published")
    )
    statement = (
        update(Submission)
        .where(Submission.id == published.c.id)
        .values(publish_at=func.now(), published=0)
    )
    with transaction() as connection:
        return connection.execute(statement).rowcount
