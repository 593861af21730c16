"""Writing down an act, in the transaction that does it: both happen or neither."""

from typing import Any

from sqlalchemy import Connection, insert

from kyros_worker.audit.actor import Actor
from kyros_worker.audit.tables import AuditEntry
from kyros_worker.clock import now
from kyros_worker.ids import new_id


def write_entry(
    connection: Connection,
    actor: Actor,
    action: str,
    target: str | None,
    *,
    mode: str | None = None,
    **details: Any,
) -> None:
    """Writes that the actor did this to that.

    `action` is a thing and a verb (`api_key.create`); `mode` the target's, None for what belongs to
    the whole deployment; `details` are JSON and never hold a secret.
    """
    at = now()
    row = {"id": new_id("aud", at), "at": at, "action": action, "target": target, "mode": mode}
    who = {
        "actor": actor.id,
        "via": actor.via,
        "address": actor.address,
        "request_id": actor.request_id,
    }
    connection.execute(insert(AuditEntry).values(**row, **who, details=details))
