"""The table of escalations."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import TIMESTAMP, ForeignKey, Index, Numeric, String, text
from sqlalchemy.orm import Mapped, mapped_column

from kyros_worker.database import Table

_AT = TIMESTAMP(timezone=True)


class Escalation(Table):
    """A request that a role works on a task with the premium model.

    `status`: `requested` → `approved` → `completed`, or `requested` → `rejected`. A task has at
    most one that is open (`tasks.escalation_id`): requested, or approved while the economy's call
    still runs.
    """

    __tablename__ = "escalations"
    __table_args__ = (
        Index("escalations_newest", "mode", "id"),
        Index("escalations_by_status", "mode", "status", "id"),
        Index("escalations_due", "due_at", postgresql_where=text("status = 'requested'")),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    task_id: Mapped[str] = mapped_column(String, ForeignKey("tasks.id"), index=True)
    mode: Mapped[str]
    #: The run of the task in which it was asked for.
    run: Mapped[int]
    #: `premium`; a question about a task's own budget has the tier of the pass that it stopped.
    tier: Mapped[str]
    #: Who works on that tier, and how often the draft was refused before.
    role: Mapped[str]
    revision: Mapped[int]
    status: Mapped[str]
    #: Why, in a sentence.
    reason: Mapped[str]
    #: Which rule asked; null when a person did.
    rule: Mapped[str | None]
    #: What the rule compared.
    figures: Mapped[list[dict[str, Any]]]
    priority: Mapped[str]
    #: `key_…`, `usr_…`, a JWT's user, `oac_…` or `system`.
    requested_by: Mapped[str]
    decided_by: Mapped[str | None]
    comment: Mapped[str | None]
    #: Who may not approve it, where the rule wants four eyes.
    never_by: Mapped[str | None]
    #: USD, the most that the first premium call may cost; null where that is not known.
    estimated_cost_usd: Mapped[Decimal | None] = mapped_column(Numeric)
    #: What follows where it is rejected; null until the task waits for it.
    otherwise: Mapped[dict[str, Any] | None]
    on_timeout: Mapped[str]
    #: When a request is answered by nobody.
    due_at: Mapped[datetime] = mapped_column(_AT)
    request_id: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(_AT)
    decided_at: Mapped[datetime | None] = mapped_column(_AT)
    completed_at: Mapped[datetime | None] = mapped_column(_AT)
