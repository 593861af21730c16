"""Having published again what waits, a part at a time."""

from datetime import datetime

from sqlalchemy import ColumnElement, func, select, update

from kyros_worker.database import transaction
from kyros_worker.submission.tables import Submission

_AT_ONCE = 5000


def publish_again(which: ColumnElement[bool]) -> int:
    """Has those of the queued submissions that were published before published again; how many."""
    count = 0
    with transaction() as connection:
        begun = connection.execute(select(func.now())).scalar_one()
    while changed := _publish_some_again(which, begun):
        count += changed
    return count


def _publish_some_again(which: ColumnElement[bool], begun: datetime) -> int:
    """A part at a time: one statement over a backlog of a million would hold its locks for long.

    What another dispatcher published since `begun` has its message already.
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
