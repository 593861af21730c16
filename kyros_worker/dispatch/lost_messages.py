"""Noticing that a message is nowhere, and publishing it again.

A worker has as many messages as it has slots, and claims each at once. So a submission that is
still queued some seconds after it was published, while the queue of its role is empty, has lost its
message: with a worker that died, froze or filled up between receiving and claiming it. Otherwise
only the repeated publication would find it, which on purpose is slow.
"""

import logging
from datetime import timedelta

from redis import Redis
from sqlalchemy import func, select, update

from kyros_worker.database import transaction
from kyros_worker.queue.depth import depths
from kyros_worker.settings import ROLES
from kyros_worker.submission.tables import Submission

_LOG = logging.getLogger(__name__)
_AT_ONCE = 500
#: Much longer than a worker takes from a message to its claim.
_CLAIMED_WITHIN = timedelta(seconds=5)


def check(redis: Redis) -> None:
    """Has what lost its message published again; raises the broker's errors.

    A message that was late rather than lost is one more duplicate, which finds nothing to do. As
    the queue is no longer empty then, it is one a queue in these seconds, not a flood.
    """
    empty = [role for role, depth in depths(redis, ROLES).items() if depth == 0]
    if not empty:
        return
    lost = (
        select(Submission.id)
        .where(
            Submission.state == "queued",
            Submission.role.in_(empty),
            Submission.published > 0,
            Submission.published_at < func.now() - _CLAIMED_WITHIN,
            Submission.publish_at > func.now(),
        )
        .limit(_AT_ONCE)
        .with_for_update(skip_locked=True)
        # As a subquery it could be asked for each row again, and the limit would be none.
        .cte("lost")
    )
    statement = update(Submission).where(Submission.id == lost.c.id).values(publish_at=func.now())
    with transaction() as connection:
        count = connection.execute(statement).rowcount
    if count:
        _LOG.warning("%s queued submissions had lost their messages.", count)
