"""Reading the audit log."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, or_, select

from kyros_worker.audit.tables import AuditEntry
from kyros_worker.clock import rfc3339
from kyros_worker.ids import id_floor


@dataclass(frozen=True)
class Wanted:
    """Which entries; None for any."""

    actor: str | None = None
    action: str | None = None
    target: str | None = None
    #: From this time on, and before that one.
    since: datetime | None = None
    before: datetime | None = None


def newest_entries(
    connection: Connection, mode: str | None, wanted: Wanted, limit: int, after: str | None = None
) -> list[dict[str, Any]]:
    """The entries that somebody of a mode may see, newest first, going on after that id.

    Live callers see what belongs to live mode and to the whole deployment; None sees everything.
    """
    query = select(*AuditEntry.__table__.columns).order_by(AuditEntry.id.desc()).limit(limit)
    if mode == "test":
        query = query.where(AuditEntry.mode == "test")
    elif mode == "live":
        query = query.where(or_(AuditEntry.mode == "live", AuditEntry.mode.is_(None)))
    for name in ("actor", "action", "target"):
        if (value := getattr(wanted, name)) is not None:
            query = query.where(AuditEntry.__table__.c[name] == value)
    if wanted.since is not None:
        query = query.where(AuditEntry.id >= id_floor("aud", wanted.since))
    if wanted.before is not None:
        query = query.where(AuditEntry.id < id_floor("aud", wanted.before))
    if after is not None:
        query = query.where(AuditEntry.id < after)
    return [_present(row) for row in connection.execute(query).mappings()]


def _present(row: Any) -> dict[str, Any]:
    return {**row, "at": rfc3339(row["at"])}
