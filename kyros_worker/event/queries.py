"""Reading events."""

from collections.abc import Sequence

from sqlalchemy import Connection, RowMapping, select

from kyros_worker.event.tables import Event


def events_after(
    connection: Connection, task_id: str, seq: int, limit: int
) -> Sequence[RowMapping]:
    """The events of a task after `seq`, oldest first."""
    query = (
        select(*Event.__table__.columns)
        .where(Event.task_id == task_id, Event.seq > seq)
        .order_by(Event.seq)
        .limit(limit)
    )
    return connection.execute(query).mappings().all()
