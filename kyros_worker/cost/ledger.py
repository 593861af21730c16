"""The ledger of model calls: each is written before it begins and settled when it ends."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

from sqlalchemy import Connection, RowMapping, case, insert, select, update

from kyros_worker.cost.tables import ModelCall
from kyros_worker.model.prices import Unpriced

EndState = Literal["completed", "failed", "aborted", "lost"]


@dataclass(frozen=True)
class NewCall:
    """A call that is about to begin."""

    id: str
    task_id: str
    submission_id: str
    claim: int
    number: int
    mode: str
    role: str
    tier: str
    provider: str
    model: str
    prompt: str


@dataclass(frozen=True)
class Settlement:
    """What is known of a call when it has ended; None where it was not reported."""

    state: EndState
    latency_seconds: float
    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_tokens: int | None = None
    reasoning_tokens: int | None = None
    cost_usd: Decimal | None = None
    unpriced: Unpriced | None = None
    answer: str | None = None
    error_kind: str | None = None
    error: str | None = None


def open_call(connection: Connection, new: NewCall, at: datetime) -> None:
    """Writes a call that begins now."""
    connection.execute(insert(ModelCall).values(started_at=at, **vars(new)))


def settle_call(
    connection: Connection, call_id: str, settlement: Settlement, at: datetime
) -> RowMapping | None:
    """Writes what a call used and cost, once; None when that was done before.

    Who lost the lease may still settle: the state that was given to the call when the lease was
    taken away (`aborted`, `lost`) then stays.
    """
    values = vars(settlement) | {
        "state": case((ModelCall.state == "started", settlement.state), else_=ModelCall.state),
        "ended_at": at,
    }
    statement = (
        update(ModelCall)
        .where(ModelCall.id == call_id, ModelCall.latency_seconds.is_(None))
        .values(**values)
        .returning(*SHOWN)
    )
    return connection.execute(statement).mappings().one_or_none()


def end_calls(
    connection: Connection, submission_id: str, state: EndState, at: datetime
) -> Sequence[RowMapping]:
    """Marks the calls of a submission whose lease is taken away; gives the marked ones."""
    statement = (
        update(ModelCall)
        .where(ModelCall.submission_id == submission_id, ModelCall.state == "started")
        .values(state=state, ended_at=at, unpriced="no_usage")
        .returning(*SHOWN)
    )
    return connection.execute(statement).mappings().all()


def ended_calls(connection: Connection, task_id: str) -> Sequence[RowMapping]:
    """Role and tier of every call of a task that has ended, oldest first."""
    query = (
        select(ModelCall.role, ModelCall.tier)
        .where(ModelCall.task_id == task_id, ModelCall.state != "started")
        .order_by(ModelCall.id)
    )
    return connection.execute(query).mappings().all()


#: What a timeline tells of a call: all but the texts.
SHOWN = (
    ModelCall.id, ModelCall.submission_id, ModelCall.mode, ModelCall.role, ModelCall.tier,
    ModelCall.provider, ModelCall.model, ModelCall.state, ModelCall.input_tokens,
    ModelCall.output_tokens, ModelCall.cache_read_tokens, ModelCall.reasoning_tokens,
    ModelCall.cost_usd, ModelCall.unpriced, ModelCall.latency_seconds, ModelCall.error_kind,
    ModelCall.error,
)  # fmt: skip


def shown(call: RowMapping) -> dict[str, Any]:
    """A call as a timeline tells it; where `cost_usd` is null, `unpriced` says why."""
    told: dict[str, Any] = {f"call_{key}" if key == "id" else key: call[key] for key in call}
    cost = call["cost_usd"]
    return told | {"cost_usd": None if cost is None else float(cost)}
