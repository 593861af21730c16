"""The tables of money: each model call, and what was spent on a day that has a limit."""

from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import TIMESTAMP, ForeignKey, Index, Numeric, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from kyros_worker.database import Table

_AT = TIMESTAMP(timezone=True)


class ModelCall(Table):
    """One call to a model: written before the call begins, settled when it ends.

    `state`: `started`, `completed`, `failed`, `aborted` (cancelled, superseded, shut down) or
    `lost` (its worker died). One claim of a submission makes call 1 and, when the answer was not
    valid, call 2; the constraint keeps a call from being recorded twice.
    """

    __tablename__ = "model_calls"
    __table_args__ = (
        UniqueConstraint("submission_id", "claim", "number"),
        # All that the report of costs reads, so that it never looks at the texts.
        Index(
            "model_calls_costs",
            "mode",
            "started_at",
            postgresql_include=[
                "provider", "model", "role", "tier", "cost_usd", "input_tokens", "output_tokens",
                "unpriced", "estimated", "accepted", "premium_usd",
            ],
            postgresql_where=text("state <> 'started'"),
        ),
    )  # fmt: skip

    id: Mapped[str] = mapped_column(primary_key=True)
    task_id: Mapped[str] = mapped_column(String, ForeignKey("tasks.id"), index=True)
    submission_id: Mapped[str] = mapped_column(String, ForeignKey("submissions.id"))
    #: The run of the task that it belongs to.
    run: Mapped[int]
    claim: Mapped[int]
    number: Mapped[int]
    mode: Mapped[str]
    #: Who made the task: whose day it counts to.
    created_by: Mapped[str]
    role: Mapped[str]
    tier: Mapped[str]
    provider: Mapped[str]
    model: Mapped[str]
    state: Mapped[str] = mapped_column(server_default=text("'started'"))
    input_tokens: Mapped[int | None]
    output_tokens: Mapped[int | None]
    cache_read_tokens: Mapped[int | None]
    reasoning_tokens: Mapped[int | None]
    #: USD, the most that it can cost, written before it begins; null when the model has no price.
    reserved_usd: Mapped[Decimal | None] = mapped_column(Numeric)
    #: USD; null while it runs and when it is not known.
    cost_usd: Mapped[Decimal | None] = mapped_column(Numeric)
    #: Whether `cost_usd` is the reservation, because nobody told what it used.
    estimated: Mapped[bool] = mapped_column(server_default=text("false"))
    #: Why the cost of an ended call is not known: `no_price` of the model.
    unpriced: Mapped[str | None]
    #: USD, what the same tokens cost at the role's premium price; null when that is not known.
    premium_usd: Mapped[Decimal | None] = mapped_column(Numeric)
    #: Which table of prices its cost was counted with; null when the model has no price.
    price_version: Mapped[str | None]
    #: Whether the task was completed with this answer: of its run, the newest of the role.
    accepted: Mapped[bool] = mapped_column(server_default=text("false"))
    latency_seconds: Mapped[float | None]
    prompt: Mapped[str]
    answer: Mapped[str | None]
    error_kind: Mapped[str | None]
    error: Mapped[str | None]
    started_at: Mapped[datetime] = mapped_column(_AT)
    ended_at: Mapped[datetime | None] = mapped_column(_AT)


class Spending(Table):
    """What counts to a day's limits in a mode: settled costs and open reservations of its calls.

    `scope` is `day`, for all, or who made the tasks (`limits.Counter`). A row is only kept where a
    limit is set, and locked by whoever begins or settles a call that counts to it.
    """

    __tablename__ = "spendings"

    mode: Mapped[str] = mapped_column(primary_key=True)
    scope: Mapped[str] = mapped_column(primary_key=True)
    #: UTC.
    day: Mapped[date] = mapped_column(primary_key=True)
    #: USD.
    amount_usd: Mapped[Decimal] = mapped_column(Numeric)
