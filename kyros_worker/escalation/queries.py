"""Reading escalations. The caller's mode is part of every question."""

from typing import Any

from sqlalchemy import Connection, RowMapping, select

from kyros_worker import cursor
from kyros_worker.errors import NotFoundError
from kyros_worker.escalation.schemas import EscalationFilter
from kyros_worker.escalation.tables import Escalation
from kyros_worker.escalation.write import present
from kyros_worker.ids import is_id


def find_escalation(connection: Connection, escalation_id: str, mode: str) -> RowMapping:
    """The escalation; raises NotFoundError."""
    query = select(*Escalation.__table__.columns).where(
        Escalation.id == escalation_id, Escalation.mode == mode
    )
    row = None
    if is_id("esc", escalation_id):
        row = connection.execute(query).mappings().one_or_none()
    if row is None:
        raise NotFoundError(f"There is no escalation {escalation_id[:64]}.")
    return row


def list_escalations(connection: Connection, mode: str, wanted: EscalationFilter) -> dict[str, Any]:
    """One page, newest first; raises InvalidError for a cursor that is not of this list."""
    scope = f"escalations {mode} {wanted.model_dump_json(exclude={'cursor', 'limit'})}"
    query = select(*Escalation.__table__.columns).where(Escalation.mode == mode)
    if wanted.status is not None:
        query = query.where(Escalation.status == wanted.status)
    if wanted.task_id is not None:
        query = query.where(Escalation.task_id == wanted.task_id)
    if wanted.cursor is not None:
        query = query.where(Escalation.id < cursor.decode(wanted.cursor, scope))
    query = query.order_by(Escalation.id.desc()).limit(wanted.limit + 1)
    found = [present(row) for row in connection.execute(query).mappings()]
    return cursor.page("escalations", found, wanted.limit, scope)
