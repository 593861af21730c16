"""The tables of sums: what tasks, model calls, deliveries and escalations add up to.

Triggers of the rows themselves (migration 0003) write what each change adds to an append-only
table of increments, in the change's own transaction. The sweep folds increments into sums. So a
row and its increment are there together or not at all, and sums and increments together are exact
at every moment (docs/decisions/0019).
"""

from datetime import UTC, datetime
from decimal import Decimal

import sqlalchemy as sa
from sqlalchemy import TIMESTAMP, BigInteger, Numeric
from sqlalchemy.orm import Mapped, mapped_column

from kyros_worker.database import Table

#: The lengths of time that increments are folded into; `ever` is all of it.
MINUTE, HOUR, EVER = "minute", "hour", "ever"
#: Where what has happened `ever` is kept.
BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)

#: Upper bounds in seconds, and the column that counts the calls which took no longer.
LATENCY_BOUNDS = {
    "within_500_ms": 0.5,
    "within_1_s": 1,
    "within_2500_ms": 2.5,
    "within_5_s": 5,
    "within_10_s": 10,
    "within_20_s": 20,
    "within_40_s": 40,
    "within_80_s": 80,
    "within_160_s": 160,
    "within_320_s": 320,
}


class _Span:
    """What every sum is of: a length of time, when it began, and whose it is."""

    span: Mapped[str] = mapped_column(primary_key=True, sort_order=-3)
    mode: Mapped[str] = mapped_column(primary_key=True, sort_order=-2)
    at: Mapped[datetime] = mapped_column(TIMESTAMP(timezone=True), primary_key=True, sort_order=-1)


class TaskSum(_Span, Table):
    """How often tasks of a type went from one state to another; `was` is empty at creation.

    The seconds are those from the creation to the end, where the state is a final one.
    """

    __tablename__ = "task_sums"

    type: Mapped[str] = mapped_column(primary_key=True)
    was: Mapped[str] = mapped_column(primary_key=True)
    became: Mapped[str] = mapped_column(primary_key=True)
    count: Mapped[int] = mapped_column(BigInteger)
    #: Of the tasks that ended: those that had gone to premium in that run.
    escalated: Mapped[int] = mapped_column(BigInteger)
    seconds: Mapped[Decimal] = mapped_column(Numeric)
    least_seconds: Mapped[Decimal | None] = mapped_column(Numeric)
    most_seconds: Mapped[Decimal | None] = mapped_column(Numeric)


class CallSum(_Span, Table):
    """Model calls that have ended, at the time when they began; money in USD.

    The columns are what the report of costs tells (docs/reference/money.md), and how long calls
    took that told it.
    """

    __tablename__ = "call_sums"

    provider: Mapped[str] = mapped_column(primary_key=True)
    model: Mapped[str] = mapped_column(primary_key=True)
    role: Mapped[str] = mapped_column(primary_key=True)
    tier: Mapped[str] = mapped_column(primary_key=True)
    calls: Mapped[int] = mapped_column(BigInteger)
    cost: Mapped[Decimal] = mapped_column(Numeric)
    input_tokens: Mapped[int] = mapped_column(BigInteger)
    output_tokens: Mapped[int] = mapped_column(BigInteger)
    unpriced_calls: Mapped[int] = mapped_column(BigInteger)
    estimated_calls: Mapped[int] = mapped_column(BigInteger)
    estimated_cost: Mapped[Decimal] = mapped_column(Numeric)
    premium_only: Mapped[Decimal] = mapped_column(Numeric)
    not_compared_cost: Mapped[Decimal] = mapped_column(Numeric)
    not_compared: Mapped[int] = mapped_column(BigInteger)
    timed_calls: Mapped[int] = mapped_column(BigInteger)
    latency_seconds: Mapped[Decimal] = mapped_column(Numeric)
    within_500_ms: Mapped[int] = mapped_column(BigInteger)
    within_1_s: Mapped[int] = mapped_column(BigInteger)
    within_2500_ms: Mapped[int] = mapped_column(BigInteger)
    within_5_s: Mapped[int] = mapped_column(BigInteger)
    within_10_s: Mapped[int] = mapped_column(BigInteger)
    within_20_s: Mapped[int] = mapped_column(BigInteger)
    within_40_s: Mapped[int] = mapped_column(BigInteger)
    within_80_s: Mapped[int] = mapped_column(BigInteger)
    within_160_s: Mapped[int] = mapped_column(BigInteger)
    within_320_s: Mapped[int] = mapped_column(BigInteger)


class TallySum(_Span, Table):
    """How often something came out so.

    | `what` | `subject` | `outcome` |
    |---|---|---|
    | `attempt` | | `succeeded`, `failed` |
    | `delivery` | | `delivered`, `exhausted` |
    | `escalation` | | the status that it got |
    | `call_error` | `provider:model` | the kind of error |
    """

    __tablename__ = "tallies"

    what: Mapped[str] = mapped_column(primary_key=True)
    subject: Mapped[str] = mapped_column(primary_key=True)
    outcome: Mapped[str] = mapped_column(primary_key=True)
    count: Mapped[int] = mapped_column(BigInteger)


def _increments(name: str, sums: type[Table]) -> sa.Table:
    """The table of what was not folded yet: the same columns, without a key; `at` is a minute."""
    columns = (one for one in sums.__table__.columns if one.key != "span")
    copies = (sa.Column(one.key, one.type, nullable=bool(one.nullable)) for one in columns)
    return sa.Table(name, Table.metadata, *copies)


TASK_INCREMENTS = _increments("task_increments", TaskSum)
CALL_INCREMENTS = _increments("call_increments", CallSum)
TALLY_INCREMENTS = _increments("tally_increments", TallySum)

#: Each table of sums with that of its increments.
FOLDED: tuple[tuple[type[Table], sa.Table], ...] = (
    (TaskSum, TASK_INCREMENTS),
    (CallSum, CALL_INCREMENTS),
    (TallySum, TALLY_INCREMENTS),
)


class LabelledType(Table):
    """A type of tasks that has a label of its own in `/metrics`: the first of a mode have one.

    Types are open words, and a label for each would be without bound. Once it is given a label
    stays, so that no counter ever goes back.
    """

    __tablename__ = "labelled_types"

    mode: Mapped[str] = mapped_column(primary_key=True)
    type: Mapped[str] = mapped_column(primary_key=True)


class QueueSample(Table):
    """How many submissions waited for a worker, measured once in a minute."""

    __tablename__ = "queue_samples"

    mode: Mapped[str] = mapped_column(primary_key=True)
    #: The minute in which it was measured.
    at: Mapped[datetime] = mapped_column(TIMESTAMP(timezone=True), primary_key=True)
    waiting: Mapped[int] = mapped_column(BigInteger)
