"""Noticing that Redis was emptied or started again, and publishing again what it may have lost."""

import logging
import time
from datetime import UTC, datetime, timedelta

from redis import Redis
from sqlalchemy import ColumnElement, func, true, update

from kyros_worker.database import transaction
from kyros_worker.submission.tables import Submission

_LOG = logging.getLogger(__name__)
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
    statement = (
        update(Submission)
        .where(Submission.state == "queued", Submission.published > 0, which)
        .values(publish_at=func.now(), published=0)
    )
    with transaction() as connection:
        count = connection.execute(statement).rowcount
    if count:
        _LOG.warning("%s: %s queued submissions are published again.", why, count)
