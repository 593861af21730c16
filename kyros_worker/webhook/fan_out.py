"""Writing the deliveries of events, in the transaction of the events (design, law 2)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Connection, select, update

from kyros_worker.bulk import BulkWrite, Writes, inserting, rows_of
from kyros_worker.clock import rfc3339
from kyros_worker.ids import new_id
from kyros_worker.prepared import PREPARED
from kyros_worker.webhook.body import body
from kyros_worker.webhook.tables import Delivery, EventBody, Webhook, is_open

#: The channel on which Postgres tells the dispatcher that a delivery can be sent.
DELIVERY_CHANNEL = "kyros_deliveries"

PROGRESS = "task.progress"
#: A progress is told when it has stood so long; newer news of the task overtakes it.
_PROGRESS_STANDS = timedelta(seconds=2)


@dataclass(frozen=True)
class Fact:
    """An event as endpoints are told of it: `task_id` and `seq` are null for the system's."""

    event_id: str
    type: str
    data: Mapping[str, Any]
    at: datetime
    task_id: str | None = None
    seq: int | None = None
    #: Of the request whose work it tells of; null for the system's.
    request_id: str | None = None


class Subscriber(NamedTuple):
    """An endpoint that is not deleted, and what it wants."""

    id: str
    mode: str
    events: list[str]

    def wants(self, event_type: str, mode: str | None) -> bool:
        """Whether it is told of events of this type and mode; a mode of None is both."""
        names = (event_type, f"{event_type.partition('.')[0]}.*", "*")
        return mode in (None, self.mode) and any(name in self.events for name in names)


def find_subscribers(connection: Connection) -> list[Subscriber]:
    """All endpoints, disabled ones too: what they miss is held for them."""
    return [Subscriber(*row) for row in connection.execute(_SUBSCRIBERS)]


_SUBSCRIBERS = (
    select(Webhook.id, Webhook.mode, Webhook.events)
    .where(Webhook.deleted_at.is_(None))
    .order_by(Webhook.id)
    .execution_options(**PREPARED)
)


def add_deliveries(
    writes: Writes, subscribers: Sequence[Subscriber], facts: Sequence[tuple[Fact, str | None]]
) -> None:
    """Writes a delivery of each fact, given with its mode, for each endpoint that wants it."""
    newest = {fact.task_id: fact.event_id for fact, _ in facts}
    for fact, mode in facts:
        if fact.type == PROGRESS and newest[fact.task_id] != fact.event_id:
            continue
        wanting = [one for one in subscribers if one.wants(fact.type, mode)]
        if not wanting:
            continue
        told = body(fact.event_id, fact.type, rfc3339(fact.at), fact.data).decode()
        add_body(writes, fact.event_id, told)
        writes.add(_NEW, *(delivery_row(one.id, fact) for one in wanting))
        if fact.type != PROGRESS or fact.task_id is None:
            writes.notify(DELIVERY_CHANNEL)
    news = {(one.id, fact.task_id) for fact, mode in facts for one in subscribers
            if fact.task_id and one.wants(PROGRESS, mode)}  # fmt: skip
    if news:
        rows = [{"webhook_id": webhook, "task_id": task} for webhook, task in sorted(news)]
        writes.add(_OVERTAKEN, *rows)


def add_body(writes: Writes, event_id: str, told: str) -> None:
    """Writes the body of an event."""
    writes.add(_BODIES, {"event_id": event_id, "body": told})


def delivery_row(webhook_id: str, fact: Fact) -> dict[str, Any]:
    """A new delivery, due at once but for a progress."""
    return {
        "id": new_id("dlv", fact.at),
        "webhook_id": webhook_id,
        "event_id": fact.event_id,
        "event_type": fact.type,
        "task_id": fact.task_id,
        "seq": fact.seq,
        "request_id": fact.request_id,
        "due_at": fact.at + _PROGRESS_STANDS if fact.type == PROGRESS else fact.at,
        "tried_since": fact.at,
        "created_at": fact.at,
    }


_NEW = inserting("new_deliveries", Delivery, [
    "id", "webhook_id", "event_id", "event_type", "task_id", "seq", "request_id", "due_at",
    "tried_since", "created_at",
])  # fmt: skip
_BODIES = inserting("new_bodies", EventBody, ["event_id", "body"])

_news = rows_of(Delivery, "overtaking", ["webhook_id", "task_id"])
_OVERTAKEN = BulkWrite(
    "overtaking",
    ("webhook_id", "task_id"),
    update(Delivery)
    .where(
        Delivery.webhook_id == _news.c.webhook_id,
        Delivery.task_id == _news.c.task_id,
        is_open(Delivery),
        Delivery.event_type == PROGRESS,
        Delivery.state == "pending",
        Delivery.attempts == 0,
    )
    .values(state="overtaken"),
)
