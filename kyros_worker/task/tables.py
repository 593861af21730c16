"""The table of tasks."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import TIMESTAMP, Computed, Index, Numeric, func, literal_column, text
from sqlalchemy.orm import Mapped, mapped_column

from kyros_worker.database import Table

_AT = TIMESTAMP(timezone=True)
_OPEN = text("state IN ('queued', 'running', 'awaiting_approval')")

#: What `q` searches. Postgres limits one text-search vector to 1 MB, so of a very long
#: description the first 100,000 characters are searched. The parentheses are Postgres's own:
#: Alembic compares the expression as a text.
SEARCHED = func.to_tsvector(
    literal_column("'simple'::regconfig"),
    literal_column("(title || ' ') || left(description, 100000)"),
)


class Task(Table):
    """A customer's piece of work.

    The first block never changes after creation. `state` is the contract's precise one; the
    guide's four-word `status` follows from it. `last_seq` numbers the events; the row's lock is
    the task's lock, taken first by whoever changes the task or one of its submissions.
    """

    __tablename__ = "tasks"
    __table_args__ = (
        Index("tasks_newest", "mode", "id"),
        Index("tasks_by_state", "mode", "state", "id"),
        Index("tasks_by_status", "mode", "status", "id"),
        Index("tasks_by_type", "mode", "type", "id"),
        # A type's work is mostly one role's: of the two filters together few tasks may be left,
        # or none, however many each has.
        Index("tasks_by_type_and_role", "mode", "type", "assignee_role", "id"),
        Index("tasks_by_priority", "mode", "priority", "id"),
        Index("tasks_by_role", "mode", "assignee_role", "id"),
        Index("tasks_deadlines", "deadline_at", postgresql_where=_OPEN),
        Index(
            "tasks_open_dedupe_keys",
            "mode",
            "dedupe_key",
            postgresql_where=text(
                "dedupe_key IS NOT NULL AND state IN ('queued', 'running', 'awaiting_approval')"
            ),
        ),
        Index("tasks_words", SEARCHED, postgresql_using="gin"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    mode: Mapped[str]
    title: Mapped[str]
    description: Mapped[str]
    type: Mapped[str]
    priority: Mapped[str]
    assignee_role: Mapped[str]
    acceptance_criteria: Mapped[list[str]]
    files_to_modify: Mapped[list[str]]
    complexity: Mapped[str | None]
    #: `metadata` in the contract; the name is taken on a table class.
    metadata_: Mapped[dict[str, Any]] = mapped_column("metadata")
    deadline_seconds: Mapped[int]
    dedupe_key: Mapped[str | None]
    created_by: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(_AT)

    #: What the models are shown beside the task; submissions add to it.
    context: Mapped[dict[str, Any]]
    state: Mapped[str] = mapped_column(server_default=text("'queued'"))
    #: The guide's word for `state`; the same rule as `states.STATUS_OF`.
    status: Mapped[str] = mapped_column(
        Computed(
            "CASE state WHEN 'queued' THEN 'pending' WHEN 'completed' THEN 'completed'"
            " WHEN 'failed' THEN 'failed' WHEN 'cancelled' THEN 'failed' ELSE 'in_progress' END",
            persisted=True,
        )
    )
    progress_percentage: Mapped[int] = mapped_column(server_default=text("0"))
    progress_stage: Mapped[str] = mapped_column(server_default=text("'queued'"))
    progress_message: Mapped[str]
    result: Mapped[dict[str, Any] | None]
    error: Mapped[str | None]
    cost_usd: Mapped[Decimal] = mapped_column(Numeric, server_default=text("0"))
    #: Calls whose cost is not known; `cost_usd` has nothing of them.
    unpriced_calls: Mapped[int] = mapped_column(server_default=text("0"))
    model_tier: Mapped[str | None]
    escalated: Mapped[bool] = mapped_column(server_default=text("false"))
    #: The escalation that is open: requested, or approved while the economy's call still runs.
    escalation_id: Mapped[str | None]
    #: Roles that work on premium for the rest of this run, and those for which a rule asked.
    premium_roles: Mapped[list[str] | None]
    asked_roles: Mapped[list[str] | None]
    submission_id: Mapped[str]
    run: Mapped[int] = mapped_column(server_default=text("1"))
    last_seq: Mapped[int] = mapped_column(server_default=text("0"))
    deadline_at: Mapped[datetime] = mapped_column(_AT)
    #: Whether a person let this run go on beyond the task's own hard limit.
    budget_lifted: Mapped[bool] = mapped_column(server_default=text("false"))
    #: By how many seconds waiting for a budget has moved this run's deadline.
    budget_wait_seconds: Mapped[int] = mapped_column(server_default=text("0"))
    started_at: Mapped[datetime | None] = mapped_column(_AT)
    completed_at: Mapped[datetime | None] = mapped_column(_AT)
    updated_at: Mapped[datetime] = mapped_column(_AT)
