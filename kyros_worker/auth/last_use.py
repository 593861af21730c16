"""When a key or a session was last used, to the minute."""

import logging
from datetime import datetime, timedelta

from sqlalchemy import or_, select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import InstrumentedAttribute

from kyros_worker.clock import now
from kyros_worker.database import transaction

_RECORDED_EVERY = timedelta(minutes=1)

_log = logging.getLogger(__name__)


def record_use(
    key: InstrumentedAttribute[str],
    used_at: InstrumentedAttribute[datetime] | InstrumentedAttribute[datetime | None],
    row_id: str,
    last: datetime | None,
) -> None:
    """Writes that the row of that id is used now, unless `last`, which it says, is not yet old.

    A row that another process holds is being written already. What can't be written is logged and
    holds nobody up.
    """
    at = now()
    before = at - _RECORDED_EVERY
    if last is not None and last >= before:
        return
    due = (
        select(key)
        .where(key == row_id, or_(used_at.is_(None), used_at < before))
        .with_for_update(skip_locked=True)
        .scalar_subquery()
    )
    try:
        with transaction() as connection:
            connection.execute(update(key.class_).where(key == due).values({used_at: at}))
    except SQLAlchemyError:
        _log.warning("the last use of %s could not be recorded", row_id, exc_info=True)
