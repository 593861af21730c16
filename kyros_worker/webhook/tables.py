"""The tables of webhooks: endpoints, the bodies of events, deliveries and their attempts."""

from datetime import datetime
from typing import Any

from sqlalchemy import TIMESTAMP, ColumnElement, Index, literal_column, text
from sqlalchemy.orm import Mapped, mapped_column

from kyros_worker.database import Table

_AT = TIMESTAMP(timezone=True)
#: The states in which a delivery is still to be made.
OPEN = ("pending", "sending")
_OPEN = "state IN ('pending', 'sending')"


class Webhook(Table):
    """An endpoint: where events of a mode go, and which.

    Deleted ones are kept for their deliveries' sake and seen by nobody.
    """

    __tablename__ = "webhooks"
    __table_args__ = (
        Index("webhooks_newest", "mode", "id", postgresql_where=text("deleted_at IS NULL")),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    mode: Mapped[str]
    url: Mapped[str]
    #: The guide's names, `task.*` and its like, or `*`.
    events: Mapped[list[str]]
    description: Mapped[str]
    #: Encrypted, each for this row's id.
    secret: Mapped[str]
    pending_secret: Mapped[str | None]
    pending_since: Mapped[datetime | None] = mapped_column(_AT)
    enabled: Mapped[bool]
    #: Why it was disabled, in a sentence; null while it is enabled.
    disabled_reason: Mapped[str | None]
    created_by: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(_AT)
    updated_at: Mapped[datetime] = mapped_column(_AT)
    deleted_at: Mapped[datetime | None] = mapped_column(_AT)


class EventBody(Table):
    """The bytes of an event, written once: signed and sent unchanged at every try."""

    __tablename__ = "event_bodies"

    event_id: Mapped[str] = mapped_column(primary_key=True)
    body: Mapped[str]


class Delivery(Table):
    """One event on its way to one endpoint.

    `state`: `pending` → `sending` → `delivered`, back to `pending` for another try, or
    `exhausted`; `overtaken` is a progress that newer news overtook before it was sent. While it is
    `sending`, `due_at` is when its lease ends: then whoever comes may send it again.
    """

    __tablename__ = "deliveries"
    __table_args__ = (
        Index("deliveries_newest", "webhook_id", "id"),
        Index(
            "deliveries_first",
            "webhook_id",
            "due_at",
            postgresql_where=text(f"attempts = 0 AND {_OPEN}"),
        ),
        Index(
            "deliveries_again",
            "webhook_id",
            "due_at",
            postgresql_where=text(f"attempts > 0 AND {_OPEN}"),
        ),
        Index("deliveries_in_order", "webhook_id", "task_id", "seq", postgresql_where=text(_OPEN)),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    webhook_id: Mapped[str]
    event_id: Mapped[str]
    event_type: Mapped[str]
    #: The task that the event is of, and its place in the order of that task's events.
    task_id: Mapped[str | None]
    seq: Mapped[int | None]
    #: Of the request whose work the event tells of.
    request_id: Mapped[str | None]
    state: Mapped[str] = mapped_column(server_default=text("'pending'"))
    due_at: Mapped[datetime] = mapped_column(_AT)
    attempts: Mapped[int] = mapped_column(server_default=text("0"))
    #: Attempts of this round of tries; redelivery begins another.
    tries: Mapped[int] = mapped_column(server_default=text("0"))
    #: When this round began: five days after it nothing is tried any more.
    tried_since: Mapped[datetime] = mapped_column(_AT)
    #: Counts the claims: only the newest may say what follows.
    claim: Mapped[int] = mapped_column(server_default=text("0"))
    delivered_at: Mapped[datetime | None] = mapped_column(_AT)
    created_at: Mapped[datetime] = mapped_column(_AT)


def is_open(delivery: type[Delivery]) -> ColumnElement[bool]:
    """Whether it is still to be made. As literals, by which Postgres knows its partial indexes."""
    return delivery.state.in_([literal_column(f"'{state}'") for state in OPEN])


def is_first_try() -> ColumnElement[bool]:
    """Whether it was never tried."""
    return Delivery.attempts == literal_column("0")


def is_another_try() -> ColumnElement[bool]:
    """Whether it was tried before."""
    return Delivery.attempts > literal_column("0")


class Attempt(Table):
    """One try to deliver, and what came of it."""

    __tablename__ = "delivery_attempts"

    delivery_id: Mapped[str] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(_AT)
    duration_seconds: Mapped[float]
    #: What was sent beside the body; empty when nothing could be.
    headers: Mapped[dict[str, Any]]
    status_code: Mapped[int | None]
    #: The first 4 KiB of the answer.
    answer: Mapped[str | None]
    error: Mapped[str | None]
