"""The table of model calls."""

from datetime import datetime
from decimal import Decimal

from sqlalchemy import TIMESTAMP, ForeignKey, Numeric, String, UniqueConstraint, text
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
    __table_args__ = (UniqueConstraint("submission_id", "claim", "number"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    task_id: Mapped[str] = mapped_column(String, ForeignKey("tasks.id"), index=True)
    submission_id: Mapped[str] = mapped_column(String, ForeignKey("submissions.id"))
    claim: Mapped[int]
    number: Mapped[int]
    mode: Mapped[str]
    role: Mapped[str]
    tier: Mapped[str]
    provider: Mapped[str]
    model: Mapped[str]
    state: Mapped[str] = mapped_column(server_default=text("'started'"))
    input_tokens: Mapped[int | None]
    output_tokens: Mapped[int | None]
    cache_read_tokens: Mapped[int | None]
    reasoning_tokens: Mapped[int | None]
    #: USD; null while it runs and when it is not known.
    cost_usd: Mapped[Decimal | None] = mapped_column(Numeric)
    #: Why the cost of an ended call is not known: `no_price` of the model, or `no_usage` told.
    unpriced: Mapped[str | None]
    latency_seconds: Mapped[float | None]
    prompt: Mapped[str]
    answer: Mapped[str | None]
    error_kind: Mapped[str | None]
    error: Mapped[str | None]
    started_at: Mapped[datetime] = mapped_column(_AT)
    ended_at: Mapped[datetime | None] = mapped_column(_AT)
