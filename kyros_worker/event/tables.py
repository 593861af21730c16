"""The tables of events."""

from datetime import datetime
from typing import Any

from sqlalchemy import TIMESTAMP, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from kyros_worker.database import Table


class Event(Table):
    """One fact about a task, kept for ever, in the order of `seq`.

    `seq` is drawn under the task's lock, from 1 and without gaps, so who has read up to one
    number can ask for what follows. For a `task.*` event `data` holds the fields that can change,
    as they were then; with the task's fixed fields they are the full task.
    """

    __tablename__ = "events"

    #: No foreign key: it would be checked for each event, and events are only written under
    #: their task's lock.
    task_id: Mapped[str] = mapped_column(primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True)
    id: Mapped[str]
    type: Mapped[str]
    data: Mapped[dict[str, Any]]
    created_at: Mapped[datetime] = mapped_column(TIMESTAMP(timezone=True))


class SystemEvent(Table):
    """One fact about the system, of no task, kept for ever."""

    __tablename__ = "system_events"

    id: Mapped[str] = mapped_column(primary_key=True)
    #: Null when it concerns both modes.
    mode: Mapped[str | None]
    type: Mapped[str]
    data: Mapped[dict[str, Any]]
    #: What is told once has a key of its own.
    once_key: Mapped[str | None] = mapped_column(unique=True)
    created_at: Mapped[datetime] = mapped_column(TIMESTAMP(timezone=True))


class Alert(Table):
    """Something that people should look at, from when it was raised until it is resolved.

    Each change is told as a `system.alert`. Of the open ones a `key` has at most one.
    """

    __tablename__ = "alerts"
    __table_args__ = (
        Index("alerts_open", "key", unique=True, postgresql_where=text("resolved_at IS NULL")),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    #: What it is of: its kind, and whom it concerns.
    key: Mapped[str]
    #: Null when it concerns both modes.
    mode: Mapped[str | None]
    #: What the event told when it was raised.
    data: Mapped[dict[str, Any]]
    raised_at: Mapped[datetime] = mapped_column(TIMESTAMP(timezone=True))
    resolved_at: Mapped[datetime | None] = mapped_column(TIMESTAMP(timezone=True))
