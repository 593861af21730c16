"""Reading the log of deliveries."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, RowMapping, select

from kyros_worker.clock import rfc3339, rfc3339_or_none
from kyros_worker.webhook.tables import Attempt, Delivery, EventBody, Webhook


def list_deliveries(
    connection: Connection, webhook_id: str, limit: int, after: str | None
) -> list[dict[str, Any]]:
    """The newest deliveries to an endpoint, after one of a page before, with their attempts."""
    query = _DELIVERIES.where(Delivery.webhook_id == webhook_id)
    if after is not None:
        query = query.where(Delivery.id < after)
    rows = connection.execute(query.order_by(Delivery.id.desc()).limit(limit)).mappings().all()
    return _shown(connection, rows)


def delivery_shown(connection: Connection, webhook_id: str, delivery_id: str) -> dict[str, Any]:
    """One delivery, which is there."""
    query = _DELIVERIES.where(Delivery.webhook_id == webhook_id, Delivery.id == delivery_id)
    return _shown(connection, connection.execute(query).mappings().all())[0]


_DELIVERIES = (
    select(*Delivery.__table__.columns, Webhook.enabled, EventBody.body)
    .join(Webhook, Webhook.id == Delivery.webhook_id)
    .join(EventBody, EventBody.event_id == Delivery.event_id)
)


def _shown(connection: Connection, rows: Sequence[RowMapping]) -> list[dict[str, Any]]:
    query = (
        select(*Attempt.__table__.columns)
        .where(Attempt.delivery_id.in_([row["id"] for row in rows]))
        .order_by(Attempt.delivery_id, Attempt.number)
    )
    attempts = defaultdict(list)
    for attempt in connection.execute(query).mappings():
        attempts[attempt["delivery_id"]].append(_attempt(attempt))
    return [_delivery(row, attempts[row["id"]]) for row in rows]


def _delivery(row: RowMapping, attempts: list[dict[str, Any]]) -> dict[str, Any]:
    status, waits = row["state"], row["state"] == "pending"
    if waits:
        status = "held" if not row["enabled"] else "retrying" if row["tries"] else "pending"
    return {
        "id": row["id"],
        "webhook_id": row["webhook_id"],
        "event_id": row["event_id"],
        "event_type": row["event_type"],
        "task_id": row["task_id"],
        "status": status,
        "body": row["body"],
        "attempts": attempts,
        "next_attempt_at": rfc3339(row["due_at"]) if waits and row["enabled"] else None,
        "created_at": rfc3339(row["created_at"]),
        "delivered_at": rfc3339_or_none(row["delivered_at"]),
    }


def _attempt(row: RowMapping) -> dict[str, Any]:
    return {
        "number": row["number"],
        "at": rfc3339(row["at"]),
        "duration_seconds": row["duration_seconds"],
        "headers": row["headers"],
        "status_code": row["status_code"],
        "answer": row["answer"],
        "error": row["error"],
    }
