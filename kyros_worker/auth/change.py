"""Changing what an API key may do; its mode and its secret stay."""

from typing import Any

from sqlalchemy import update

from kyros_worker.audit.actor import Actor
from kyros_worker.audit.write import write_entry
from kyros_worker.auth.create import in_order, refuse_past
from kyros_worker.auth.queries import COLUMNS, lock_in_force, record
from kyros_worker.auth.schemas import ChangedApiKey
from kyros_worker.auth.subject import Mode
from kyros_worker.auth.tables import ApiKey
from kyros_worker.clock import now
from kyros_worker.database import Connection


def change(
    connection: Connection,
    actor: Actor,
    key_id: str,
    changes: ChangedApiKey,
    mode: Mode | None = None,
) -> dict[str, Any]:
    """The key's record after the changes, which count everywhere within two seconds.

    What is absent stays; what `changes.remove` names is taken away. Raises NotFoundError,
    ConflictError for a key that was revoked or has expired, and InvalidError for a new expiry that
    is past.
    """
    at = now()
    before = lock_in_force(connection, key_id, mode, "changed", at)
    refuse_past(changes.expires_at, at)
    wanted = changes.model_dump(exclude_none=True, exclude={"remove"})
    wanted |= dict.fromkeys(changes.remove)
    if "permissions" in wanted:
        wanted["permissions"] = in_order(wanted["permissions"])
    values = {name: value for name, value in wanted.items() if value != before[name]}
    if not values:
        return record(before)
    told = list(values)
    if "day_budget_usd" in values and (
        before["day_budget_usd"] is None or values["day_budget_usd"] is None
    ):
        values["day_budget_since"] = None if values["day_budget_usd"] is None else at
    statement = update(ApiKey).where(ApiKey.id == key_id).values(values)
    changed = record(connection.execute(statement.returning(*COLUMNS)).mappings().one())
    details = {name: changed[name] for name in told}
    write_entry(connection, actor, "api_key.change", key_id, mode=changed["mode"], **details)
    return changed
