"""The table of submissions."""

from datetime import datetime
from typing import Any

from sqlalchemy import TIMESTAMP, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from kyros_worker.database import Table

_AT = TIMESTAMP(timezone=True)


class Submission(Table):
    """One pass of one role at one task.

    `state`: `queued` → `running` → `completed` | `failed`; `superseded` when a newer one took its
    place, `cancelled` when its task ended first. A failed try that will be tried again is `queued`
    with a `due_at`.

    `claim` counts the claims and is the fencing token: who records something names the claim that
    it holds, and a worker that lost its lease holds an old one.
    """

    __tablename__ = "submissions"
    __table_args__ = (
        Index("submissions_to_publish", "publish_at", postgresql_where=text("state = 'queued'")),
        Index("submissions_leases", "lease_expires_at", postgresql_where=text("state = 'running'")),
        Index(
            "submissions_waiting",
            "waiting_since",
            postgresql_where=text("state = 'queued' AND priority > 0"),
        ),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    task_id: Mapped[str] = mapped_column(String, ForeignKey("tasks.id"), index=True)
    #: The run of the task that it belongs to; a task that opens again begins a new run.
    run: Mapped[int]
    role: Mapped[str]
    tier: Mapped[str]
    #: How often the draft was refused before this pass.
    revision: Mapped[int]
    state: Mapped[str] = mapped_column(server_default=text("'queued'"))
    #: 0 (critical) to 3 (low); falls by one for each ten minutes of waiting.
    priority: Mapped[int]
    #: The escalation that ends with it, if it is the first premium pass of one.
    escalation_id: Mapped[str | None]
    #: What a rule decided when it ended, with the figures compared; null where none matched.
    decision: Mapped[dict[str, Any] | None]
    tries: Mapped[int] = mapped_column(server_default=text("0"))
    claim: Mapped[int] = mapped_column(server_default=text("0"))
    claimed_by: Mapped[str | None]
    #: How many of its claims ended because the worker died.
    lost: Mapped[int] = mapped_column(server_default=text("0"))
    lease_expires_at: Mapped[datetime | None] = mapped_column(_AT)
    #: Not to be started before.
    due_at: Mapped[datetime] = mapped_column(_AT, server_default=text("now()"))
    #: When the dispatcher publishes it next, as long as it is queued.
    publish_at: Mapped[datetime] = mapped_column(_AT, server_default=text("now()"))
    published: Mapped[int] = mapped_column(server_default=text("0"))
    published_at: Mapped[datetime | None] = mapped_column(_AT)
    waiting_since: Mapped[datetime] = mapped_column(_AT, server_default=text("now()"))
    answer: Mapped[dict[str, Any] | None]
    error_kind: Mapped[str | None]
    error: Mapped[str | None]
    request_id: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(_AT)
    started_at: Mapped[datetime | None] = mapped_column(_AT)
    ended_at: Mapped[datetime | None] = mapped_column(_AT)
