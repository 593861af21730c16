"""Noticing that Redis was emptied or started again, and publishing again what it may have lost."""

import logging
import time
from datetime import UTC, datetime, timedelta

from redis import Redis
from sqlalchemy import ColumnElement, true

from kyros_worker.dispatch.publish_again import publish_again
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
        _publish(true(), "Redis was emptied")
    else:
        found_run, _, written_at = str(found).partition(" ")
        if found_run != run:
            since = datetime.fromtimestamp(float(written_at), UTC) - _LOST_BEFORE
            _publish(Submission.published_at > since, "Redis was started again")
    redis.set(_KEY, f"{run} {time.time()}")


def _publish(which: ColumnElement[bool], why: str) -> None:
    if count := publish_again(which):
        _LOG.warning("%s: %s queued submissions are published again.", why, count)
