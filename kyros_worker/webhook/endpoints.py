"""Making and changing endpoints. The caller's mode is part of every question."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import Connection, RowMapping, Select, func, insert, select, update

from kyros_worker.audit.actor import Actor
from kyros_worker.audit.write import write_entry
from kyros_worker.auth.subject import Subject
from kyros_worker.bulk import Writes
from kyros_worker.clock import now, rfc3339, rfc3339_or_none
from kyros_worker.encrypt import encrypt
from kyros_worker.errors import ConflictError, NotFoundError
from kyros_worker.ids import is_id, new_id
from kyros_worker.webhook import sign
from kyros_worker.webhook.alert import disabled, disabled_key, resolve_alert
from kyros_worker.webhook.body import TEST_BODY
from kyros_worker.webhook.fan_out import DELIVERY_CHANNEL, Fact, add_body, delivery_row
from kyros_worker.webhook.queries import delivery_shown
from kyros_worker.webhook.schemas import ChangedWebhook, NewWebhook
from kyros_worker.webhook.tables import Delivery, Webhook, is_open

#: A new secret that nobody activated signs alone after so long.
OVERLAP = timedelta(hours=24)


def create_webhook(
    connection: Connection, new: NewWebhook, who: Subject, actor: Actor
) -> dict[str, Any]:
    """Makes an endpoint; the answer holds its secret, this once."""
    at, secret = now(), new.secret or sign.new_secret()
    row = {
        "id": (webhook_id := new_id("whk", at)),
        "mode": who.mode,
        "url": new.url,
        "events": list(dict.fromkeys(new.events)),
        "description": new.description or "",
        "secret": encrypt(secret, webhook_id),
        "pending_secret": None,
        "pending_since": None,
        "enabled": new.enabled is not False,
        "disabled_reason": None if new.enabled is not False else "it was made so.",
        "created_by": who.id,
        "created_at": at,
        "updated_at": at,
    }
    connection.execute(insert(Webhook).values(row))
    _write_down(connection, actor, "create", row, **_told(row))
    return present(row) | _secret(secret)


def change_webhook(
    connection: Connection, webhook_id: str, changed: ChangedWebhook, mode: str, actor: Actor
) -> dict[str, Any]:
    """Changes what is given; enabling it lets go what was held. Raises NotFoundError."""
    row = lock_webhook(connection, webhook_id, mode)
    values = changed.model_dump(exclude_none=True)
    if changed.enabled is not None and changed.enabled != row["enabled"]:
        values["disabled_reason"] = None if changed.enabled else "somebody disabled it."
        if changed.enabled:
            _let_go(connection, webhook_id)
            _resolve(connection, row, f"The webhook {webhook_id} is enabled again.")
    _write_down(connection, actor, "change", row, **_told(values))
    return _change(connection, webhook_id, values)


def delete_webhook(
    connection: Connection, webhook_id: str, mode: str, actor: Actor
) -> dict[str, Any]:
    """Deletes an endpoint: nothing is sent to it any more. Raises NotFoundError."""
    row = lock_webhook(connection, webhook_id, mode)
    _resolve(connection, row, f"The webhook {webhook_id} was deleted.")
    _write_down(connection, actor, "delete", row)
    return _change(connection, webhook_id, {"deleted_at": now(), "enabled": False})


def rotate_secret(
    connection: Connection, webhook_id: str, mode: str, actor: Actor
) -> dict[str, Any]:
    """Makes a new secret, pending: both sign until it is activated. Raises NotFoundError."""
    row = lock_webhook(connection, webhook_id, mode)
    _write_down(connection, actor, "rotate_secret", row)
    secret = sign.new_secret()
    pending = {"pending_secret": encrypt(secret, webhook_id), "pending_since": now()}
    return _change(connection, webhook_id, pending) | _secret(secret)


def activate_secret(
    connection: Connection, webhook_id: str, mode: str, actor: Actor
) -> dict[str, Any]:
    """The pending secret signs alone from now on. Raises NotFoundError, ConflictError."""
    row = lock_webhook(connection, webhook_id, mode)
    if row["pending_secret"] is None:
        message = f"{webhook_id} has no pending secret: rotate it first."
        raise ConflictError(message, code="wrong_state")
    _write_down(connection, actor, "activate_secret", row)
    return _change(connection, webhook_id, _activated(row["pending_secret"]))


def activate_old_rotations(connection: Connection) -> None:
    """Activates the secrets that have been pending for a day."""
    connection.execute(
        update(Webhook)
        .where(Webhook.pending_since < func.now() - OVERLAP)
        .values(secret=Webhook.pending_secret, pending_secret=None, pending_since=None)
    )


def send_test(
    connection: Connection, webhook_id: str, mode: str, *, request_id: str | None = None
) -> dict[str, Any]:
    """Has the test event sent, signed. Raises NotFoundError, ConflictError when it is disabled."""
    row = lock_webhook(connection, webhook_id, mode)
    if not row["enabled"]:
        raise ConflictError(f"{webhook_id} is disabled: enable it first.", code="wrong_state")
    at, writes = now(), Writes()
    fact = Fact(new_id("evt", at), "test", {}, at, request_id=request_id)
    add_body(writes, fact.event_id, TEST_BODY.decode())
    writes.execute(connection)
    made = delivery_row(webhook_id, fact)
    connection.execute(insert(Delivery).values(made))
    wake_fleet(connection)
    return delivery_shown(connection, webhook_id, made["id"])


def redeliver(
    connection: Connection, webhook_id: str, delivery_id: str, mode: str
) -> dict[str, Any]:
    """Sends a delivery again at once, whatever became of it. Raises NotFoundError."""
    lock_webhook(connection, webhook_id, mode)
    found = connection.execute(
        select(Delivery.state)
        .where(Delivery.id == delivery_id, Delivery.webhook_id == webhook_id)
        .with_for_update()
    ).one_or_none()
    if found is None:
        raise NotFoundError(f"{webhook_id} has no delivery {delivery_id[:64]}.")
    if found.state != "sending":
        connection.execute(update(Delivery).where(Delivery.id == delivery_id).values(_AGAIN))
    wake_fleet(connection)
    return delivery_shown(connection, webhook_id, delivery_id)


def replay(
    connection: Connection, webhook_id: str, since: datetime, mode: str, actor: Actor
) -> dict[str, Any]:
    """Sends all deliveries of events since a time again. Raises NotFoundError."""
    row = lock_webhook(connection, webhook_id, mode)
    statement = (
        update(Delivery)
        .where(
            Delivery.webhook_id == webhook_id,
            Delivery.created_at >= since,
            Delivery.state.not_in(("sending", "overtaken")),
        )
        .values(_AGAIN)
    )
    count = connection.execute(statement).rowcount
    wake_fleet(connection)
    replayed = {"since": rfc3339(since), "deliveries": count}
    _write_down(connection, actor, "replay", row, **replayed)
    return {"id": webhook_id, **replayed}


_AGAIN: dict[str, Any] = {
    "state": "pending", "due_at": func.now(), "tries": 0, "tried_since": func.now(),
    "delivered_at": None,
}  # fmt: skip


def wake_fleet(connection: Connection) -> None:
    """Tells the dispatcher, at commit, that something can be delivered."""
    connection.execute(select(func.pg_notify(DELIVERY_CHANNEL, "")))


def lock_webhook(connection: Connection, webhook_id: str, mode: str) -> RowMapping:
    """Locks an endpoint of that mode until the transaction ends; raises NotFoundError."""
    return _found(connection, _of(webhook_id, mode).with_for_update(), webhook_id)


def find_webhook(connection: Connection, webhook_id: str, mode: str) -> dict[str, Any]:
    """An endpoint of that mode; raises NotFoundError."""
    return present(_found(connection, _of(webhook_id, mode), webhook_id))


def list_webhooks(
    connection: Connection, mode: str, limit: int, after: str | None
) -> list[dict[str, Any]]:
    """The newest endpoints of that mode, after one of a page before."""
    query = select(*Webhook.__table__.columns).where(
        Webhook.mode == mode, Webhook.deleted_at.is_(None)
    )
    if after is not None:
        query = query.where(Webhook.id < after)
    found = connection.execute(query.order_by(Webhook.id.desc()).limit(limit)).mappings()
    return [present(row) for row in found]


def _write_down(
    connection: Connection, actor: Actor, verb: str, row: Mapping[Any, Any], **details: Any
) -> None:
    write_entry(connection, actor, f"webhook.{verb}", row["id"], mode=row["mode"], **details)


def _told(values: Mapping[Any, Any]) -> dict[str, Any]:
    """What the audit log tells of an endpoint: of its URL, which may hold a secret, the host."""
    told = {name: values[name] for name in ("events", "enabled", "description") if name in values}
    return told | ({"host": urlsplit(values["url"]).hostname} if "url" in values else {})


def _of(webhook_id: str, mode: str) -> Select[Any]:
    return select(*Webhook.__table__.columns).where(
        Webhook.id == webhook_id, Webhook.mode == mode, Webhook.deleted_at.is_(None)
    )


def _found(connection: Connection, query: Select[Any], webhook_id: str) -> RowMapping:
    row = None
    if is_id("whk", webhook_id):
        row = connection.execute(query).mappings().one_or_none()
    if row is None:
        raise NotFoundError(f"There is no webhook {webhook_id[:64]}.")
    return row


def present(row: Any) -> dict[str, Any]:
    """An endpoint as its readers see it: without its secret."""
    return {
        "id": row["id"],
        "mode": row["mode"],
        "url": row["url"],
        "events": row["events"],
        "description": row["description"],
        "enabled": row["enabled"],
        "disabled_reason": row["disabled_reason"],
        "secret_pending_since": rfc3339_or_none(row["pending_since"]),
        "created_by": row["created_by"],
        "created_at": rfc3339(row["created_at"]),
        "updated_at": rfc3339(row["updated_at"]),
    }


def _secret(secret: str) -> dict[str, Any]:
    return {"secret": secret, "standard_secret": sign.whsec_form(secret)}


def _activated(pending: str) -> dict[str, Any]:
    return {"secret": pending, "pending_secret": None, "pending_since": None}


def _let_go(connection: Connection, webhook_id: str) -> None:
    """What was held goes out, with the whole schedule before it."""
    restarted = {"tries": 0, "tried_since": func.now(), "due_at": func.now()}
    held = (Delivery.webhook_id == webhook_id, is_open(Delivery), Delivery.state == "pending")
    connection.execute(update(Delivery).where(*held).values(restarted))
    wake_fleet(connection)


def _resolve(connection: Connection, row: RowMapping, message: str) -> None:
    """Resolves the alert that it was disabled, if there is one."""
    writes = Writes()
    told = disabled(row["id"], row["url"], message)
    resolve_alert(writes, disabled_key(row["id"]), told, now(), mode=row["mode"])
    writes.execute(connection)


def _change(connection: Connection, webhook_id: str, values: dict[str, Any]) -> dict[str, Any]:
    statement = (
        update(Webhook)
        .where(Webhook.id == webhook_id)
        .values(**values, updated_at=now())
        .returning(*Webhook.__table__.columns)
    )
    return present(connection.execute(statement).mappings().one())
