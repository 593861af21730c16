"""`/v1/audit`: who did what to what, when and from where."""

from typing import Any

from flask import Response
from pydantic import BaseModel, Field

from api.answer import success
from api.caller import caller, requires
from api.documentation import api_blueprint, responses
from kyros_worker import cursor
from kyros_worker.audit.queries import Wanted, newest_entries
from kyros_worker.database import read
from kyros_worker.schemas import Page, Time
from kyros_worker.settings import current

blueprint = api_blueprint("audit", __name__, "Who did what.")


class AuditPage(Page):
    """Which entries; every filter that is given must hold."""

    actor: str | None = Field(None, max_length=200, description="`key_…`, `usr_…`, `system`, …")
    action: str | None = Field(None, max_length=100, description="A thing and a verb.")
    target: str | None = Field(None, max_length=200, description="The id of what it was done to.")
    since: Time | None = Field(None, description="From this time on.")
    before: Time | None = Field(None, description="Before this time.")


class AuditRecord(BaseModel):
    """One act. Every field is always present."""

    id: str
    at: str
    actor: str | None = Field(description="Who; null when unknown, as after a wrong password.")
    via: str | None = Field(description="The application through which a person did it.")
    action: str
    target: str | None
    mode: str | None = Field(description="The target's; null for what both modes share.")
    address: str | None = Field(description="From where; null on the command line.")
    request_id: str | None
    details: dict[str, Any]


class AuditEntries(BaseModel):
    """A page of entries, newest first."""

    entries: list[AuditRecord]
    next_cursor: str | None
    has_more: bool


@blueprint.get("/audit", responses=responses(AuditEntries))
@requires("admin")
def list_audit(query: AuditPage) -> Response:
    """List who did what, newest first.

    Live admins see live mode's entries and those of the whole deployment; test mode's admins see
    test mode's, or everything where the whole deployment is in test mode.
    """
    wanted = Wanted(query.actor, query.action, query.target, query.since, query.before)
    mode = None if current().test_mode else caller().mode
    scope = f"audit {mode} {wanted}"
    after = cursor.decode(query.cursor, scope) if query.cursor else None
    with read() as connection:
        found = newest_entries(connection, mode, wanted, query.limit + 1, after)
    return success(cursor.page("entries", found, query.limit, scope))
