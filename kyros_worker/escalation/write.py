"""Writing escalations, each change with its event. The caller holds the task's lock."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, select, update

from kyros_worker.bulk import Writes, inserting, is_one_of, updating
from kyros_worker.clock import rfc3339, rfc3339_or_none
from kyros_worker.escalation.tables import Escalation
from kyros_worker.event.write import NewEvent
from kyros_worker.prepared import PREPARED

#: Who decides where no person did.
SYSTEM = "system"

_ALL = tuple(Escalation.__table__.c.keys())
_NEW = inserting("new_escalations", Escalation, _ALL)
_COMPLETED = updating("completed_escalations", Escalation, ["status", "completed_at"])


def add_escalation(writes: Writes, row: Mapping[Any, Any]) -> None:
    """Writes a new escalation."""
    writes.add(_NEW, row)


def complete_escalation(writes: Writes, row: Mapping[Any, Any], at: datetime) -> NewEvent:
    """Its premium submission has ended, well or not; gives the event."""
    completed = {**row, "status": "completed", "completed_at": at}
    writes.add(_COMPLETED, completed)
    return event(completed)


def find_escalations(connection: Connection, ids: list[str]) -> dict[str, RowMapping]:
    """Escalations by their ids."""
    if not ids:
        return {}
    found = connection.execute(_BY_ID, {"ids": ids}).mappings()
    return {row["id"]: row for row in found}


_BY_ID = (
    select(*Escalation.__table__.columns)
    .where(is_one_of(Escalation.id, "ids"))
    .execution_options(**PREPARED)
)


def change_escalation(
    connection: Connection, escalation_id: str | None, standing: str, **values: Any
) -> RowMapping | None:
    """Changes an escalation that stands so; None when it does not any more, or there is none."""
    if escalation_id is None:
        return None
    statement = (
        update(Escalation)
        .where(Escalation.id == escalation_id, Escalation.status == standing)
        .values(**values)
        .returning(*Escalation.__table__.columns)
    )
    return connection.execute(statement).mappings().one_or_none()


def event(row: Mapping[Any, Any]) -> NewEvent:
    """The event of an escalation's present status; it holds the full escalation."""
    return NewEvent(f"escalation.{row['status']}", present(row))


def present(row: Mapping[Any, Any]) -> dict[str, Any]:
    """An escalation as its readers see it (contract, "Escalations")."""
    estimated = row["estimated_cost_usd"]
    return {
        "id": row["id"],
        "task_id": row["task_id"],
        "mode": row["mode"],
        "status": row["status"],
        "role": row["role"],
        "tier": row["tier"],
        "reason": row["reason"],
        "rule": row["rule"],
        "figures": row["figures"],
        "priority": row["priority"],
        "requested_by": row["requested_by"],
        "decided_by": row["decided_by"],
        "comment": row["comment"],
        "four_eyes": row["never_by"] is not None,
        "estimated_cost_usd": None if estimated is None else float(estimated),
        "on_timeout": row["on_timeout"],
        "due_at": rfc3339(row["due_at"]),
        "created_at": rfc3339(row["created_at"]),
        "decided_at": rfc3339_or_none(row["decided_at"]),
        "completed_at": rfc3339_or_none(row["completed_at"]),
    }
