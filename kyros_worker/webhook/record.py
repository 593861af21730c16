"""What came of attempts, and what follows: written together, several at a time."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import Connection, RowMapping, func, select, update

from kyros_worker.bulk import BulkWrite, Writes, inserting, is_one_of, rows_of, updating
from kyros_worker.clock import now
from kyros_worker.prepared import PREPARED
from kyros_worker.webhook.alert import disabled, disabled_key, raise_alert
from kyros_worker.webhook.schedule import next_try
from kyros_worker.webhook.tables import OPEN, Attempt, Delivery, Webhook, is_open
from kyros_worker.webhook_times import WebhookTimes

GONE = 410


@dataclass(frozen=True)
class Attempted:
    """One attempt of a claimed delivery; times in seconds. A fault has no status but an error."""

    delivery_id: str
    claim: int
    at: datetime
    duration_seconds: float
    headers: dict[str, str] = field(default_factory=dict)
    status_code: int | None = None
    answer: str | None = None
    error: str | None = None
    retry_after_seconds: float | None = None

    @property
    def is_success(self) -> bool:
        """Whether the endpoint took it: any 2xx."""
        return self.status_code is not None and 200 <= self.status_code < 300  # noqa: PLR2004


def record_attempts(
    connection: Connection, attempts: Sequence[Attempted], times: WebhookTimes
) -> list[str]:
    """Writes attempts, how their deliveries stand after them, and who is disabled by them.

    Gives the state of each attempt's delivery.

    An attempt whose claim is no longer the newest decides nothing, unless it succeeded.
    """
    found = connection.execute(_LOCKED, {"ids": [one.delivery_id for one in attempts]})
    rows = {row["id"]: dict(row) for row in found.mappings()}
    writes, disabled = Writes(), {}
    for attempt in attempts:
        row = rows[attempt.delivery_id]
        row["attempts"] += 1
        writes.add(_ATTEMPTS, {**vars(attempt), "number": row["attempts"]})
        is_newest = row["state"] == "sending" and row["claim"] == attempt.claim
        if is_newest or (attempt.is_success and row["state"] in OPEN):
            reason = _decide(row, attempt, times)
            if reason is not None:
                disabled[row["webhook_id"]] = reason
        writes.add_once(_CHANGED, row)
    ended = [row for row in rows.values() if row["state"] not in OPEN and row["task_id"]]
    if ended:
        writes.add(_WOKEN, *ended)
    for webhook_id, reason in sorted(disabled.items()):
        disable(connection, writes, webhook_id, reason)
    writes.execute(connection)
    return [rows[one.delivery_id]["state"] for one in attempts]


def give_back(connection: Connection, claims: Sequence[tuple[str, int]]) -> None:
    """Has deliveries that were claimed but not attempted sent by somebody else at once."""
    for delivery_id, claim in sorted(claims):
        connection.execute(
            update(Delivery)
            .where(Delivery.id == delivery_id, Delivery.claim == claim, Delivery.state == "sending")
            .values(state="pending", due_at=func.now())
        )


def disable(connection: Connection, writes: Writes, webhook_id: str, reason: str) -> None:
    """Disables an endpoint, and says so once; what is on its way to it is held."""
    at = now()
    statement = (
        update(Webhook)
        .where(Webhook.id == webhook_id, Webhook.enabled)
        .values(enabled=False, disabled_reason=reason, updated_at=at)
        .returning(Webhook.url, Webhook.mode)
    )
    row: RowMapping | None = connection.execute(statement).mappings().one_or_none()
    if row is not None:
        message = f"The webhook {webhook_id} is disabled: {reason}"
        told = disabled(webhook_id, row["url"], message)
        raise_alert(writes, disabled_key(webhook_id), told, at, mode=row["mode"])


def _decide(row: dict[str, Any], attempt: Attempted, times: WebhookTimes) -> str | None:
    """Changes a delivery's row for what came of it; gives why its endpoint is to be disabled."""
    at = attempt.at + timedelta(seconds=attempt.duration_seconds)
    row["tries"] += 1
    if attempt.is_success:
        row |= {"state": "delivered", "delivered_at": at}
        return None
    due_at = next_try(
        times,
        row["tries"],
        row["tried_since"],
        at,
        chance=random.random(),  # nosec B311  # noqa: S311 - spreads load, keeps no secret
        retry_after_seconds=attempt.retry_after_seconds,
    )
    state: Literal["exhausted", "pending"] = "exhausted" if due_at is None else "pending"
    row |= {"state": state, "due_at": due_at or row["due_at"]}
    if attempt.status_code == GONE:
        return "it answered 410 Gone."
    return f"{row['id']} could not be delivered for too long." if due_at is None else None


_LOCKED = (
    select(
        Delivery.id, Delivery.webhook_id, Delivery.task_id, Delivery.seq, Delivery.state,
        Delivery.due_at, Delivery.attempts, Delivery.tries, Delivery.tried_since, Delivery.claim,
        Delivery.delivered_at,
    )
    .where(is_one_of(Delivery.id, "ids"))
    .order_by(Delivery.id)
    .with_for_update()
    .execution_options(**PREPARED)
)  # fmt: skip
_ATTEMPTS = inserting("new_attempts", Attempt, [
    "delivery_id", "number", "at", "duration_seconds", "headers", "status_code", "answer",
    "error",
])  # fmt: skip
_CHANGED = updating(
    "tried_deliveries", Delivery, ["state", "due_at", "attempts", "tries", "delivered_at"]
)
_ended = rows_of(Delivery, "woken", ["webhook_id", "task_id", "seq"])
#: What waited for a delivery that has ended: claiming finds out which of it is next. Also what is
#: due: a claim that did not see the end may be about to put it off, and is waited for by this.
_WOKEN = BulkWrite(
    "woken",
    ("webhook_id", "task_id", "seq"),
    update(Delivery)
    .where(
        Delivery.webhook_id == _ended.c.webhook_id,
        Delivery.task_id == _ended.c.task_id,
        Delivery.seq > _ended.c.seq,
        is_open(Delivery),
        Delivery.state == "pending",
        Delivery.attempts == 0,
    )
    .values(due_at=func.now()),
)
