"""Telling how all of Kyros is: an event when it changes, and one an hour."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, func, select, update
from sqlalchemy.dialects.postgresql import insert

from kyros_worker.bulk import Writes
from kyros_worker.event.write import NewEvent
from kyros_worker.fleet.tables import ONLY_ROW
from kyros_worker.monitoring.health import Overall, Status, overall, read_components, statuses
from kyros_worker.monitoring.tables import ToldHealth
from kyros_worker.webhook.system_event import write_system_event

_AGAIN_AFTER = timedelta(hours=1)

_TOLD = (
    select(*ToldHealth.__table__.columns, func.now().label("now"))
    .where(ToldHealth.id == ONLY_ROW)
    .with_for_update()
)


def is_to_be_told(
    told: Mapping[Any, Any], overall_status: Overall, found: Mapping[str, Status], at: datetime
) -> bool:
    """Whether it has changed since it was `told`, or that was an hour ago (pure)."""
    same = (told["overall_status"], told["statuses"]) == (overall_status, found)
    return not same or at - told["at"] >= _AGAIN_AFTER


def tell_health(connection: Connection, *, broker_answers: bool) -> None:
    """Writes a `system.health_check` when one is due; of many who would, one does."""
    told = connection.execute(_TOLD).mappings().one_or_none()
    components = read_components(connection, broker_answers=broker_answers)
    overall_status, found = overall(components), statuses(components)
    if told is None:
        first = {"id": ONLY_ROW, "overall_status": overall_status, "statuses": found}
        new = insert(ToldHealth).values(first | {"at": func.now()}).on_conflict_do_nothing()
        at = connection.execute(new.returning(ToldHealth.at)).scalar_one_or_none()
        if at is None:
            return  # another was first
    elif is_to_be_told(told, overall_status, found, told["now"]):
        at = told["now"]
        changed = {"overall_status": overall_status, "statuses": found, "at": at}
        connection.execute(update(ToldHealth).values(changed))
    else:
        return
    data = {
        "overall_status": overall_status,
        "previous_status": None if told is None else told["overall_status"],
        "components": components,
    }
    writes = Writes()
    write_system_event(writes, NewEvent("system.health_check", data), at, mode=None)
    writes.execute(connection)
