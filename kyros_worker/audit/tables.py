"""The table of this room."""

from datetime import datetime
from typing import Any

from sqlalchemy import DDL, TIMESTAMP, Index, event
from sqlalchemy.orm import Mapped, mapped_column

from kyros_worker.database import Table


class AuditEntry(Table):
    """One act: never changed and never deleted, which a trigger of the database sees to."""

    __tablename__ = "audit_entries"
    __table_args__ = (
        Index("audit_entries_by_action", "action", "id"),
        Index("audit_entries_by_actor", "actor", "id"),
        # In a deployment that is live few entries are of test mode.
        Index("audit_entries_by_mode", "mode", "id"),
        Index("audit_entries_by_target", "target", "id"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(TIMESTAMP(timezone=True))
    #: Who: `key_…`, `usr_…`, a JWT's user, `oac_…`, `command line` or `system`; null when unknown.
    actor: Mapped[str | None]
    #: The application (`oac_…`) through which a person did it.
    via: Mapped[str | None]
    #: What: `api_key.create`.
    action: Mapped[str]
    #: To what: its id, or the name that stood in its place.
    target: Mapped[str | None]
    #: The mode of the target; null for what belongs to the whole deployment.
    mode: Mapped[str | None]
    #: From where: the caller's network address; null on the command line.
    address: Mapped[str | None]
    request_id: Mapped[str | None]
    #: What else is worth knowing; never a secret.
    details: Mapped[dict[str, Any]]


_APPEND_ONLY = (
    """CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION '%% is append-only', TG_TABLE_NAME; END $$""",
    """CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_entries
FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()""",
)
for _statement in _APPEND_ONLY:
    event.listen(AuditEntry.__table__, "after_create", DDL(_statement))  # type: ignore[no-untyped-call]
