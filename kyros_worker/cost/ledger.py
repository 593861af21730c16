"""The ledger of model calls: each is written before it begins and settled when it ends."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

from sqlalchemy import Connection, RowMapping, select, update

from kyros_worker.bulk import Writes, inserting, is_one_of, updating
from kyros_worker.cost.tables import ModelCall
from kyros_worker.model.prices import Unpriced
from kyros_worker.prepared import PREPARED

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


def open_call(writes: Writes, new: NewCall, at: datetime) -> None:
    """Writes a call that begins now."""
    writes.add(_OPENED, {**vars(new), "started_at": at})


_OPENED = inserting(
    "opened_calls", ModelCall, [*(field.name for field in fields(NewCall)), "started_at"]
)
_SETTLED = updating(
    "settled_calls", ModelCall, [*(field.name for field in fields(Settlement)), "ended_at"]
)


def settle_call(
    writes: Writes, call: Mapping[Any, Any], settlement: Settlement, at: datetime
) -> dict[str, Any]:
    """Writes what a call used and cost; gives the call as it is then.

    The task's lock is held and the call was not settled before. Who lost the lease may still
    settle: the state that was given to the call when the lease was taken away (`aborted`, `lost`)
    then stays.
    """
    state = settlement.state if call["state"] == "started" else call["state"]
    settled = {**vars(settlement), "state": state}
    writes.add(_SETTLED, {**settled, "id": call["id"], "ended_at": at})
    return {name: settled.get(name, call[name]) for name in call}


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


def ended_calls(connection: Connection, task_ids: Sequence[str]) -> Sequence[RowMapping]:
    """Task, role and tier of every call of these tasks that has ended, oldest first."""
    return connection.execute(_ENDED, {"task_ids": list(task_ids)}).mappings().all()


_ENDED = (
    select(ModelCall.task_id, ModelCall.role, ModelCall.tier)
    .where(is_one_of(ModelCall.task_id, "task_ids"), ModelCall.state != "started")
    .order_by(ModelCall.id)
    .execution_options(**PREPARED)
)


#: What a timeline tells of a call: all but the texts.
SHOWN = (
    ModelCall.id, ModelCall.submission_id, ModelCall.mode, ModelCall.role, ModelCall.tier,
    ModelCall.provider, ModelCall.model, ModelCall.state, ModelCall.input_tokens,
    ModelCall.output_tokens, ModelCall.cache_read_tokens, ModelCall.reasoning_tokens,
    ModelCall.cost_usd, ModelCall.unpriced, ModelCall.latency_seconds, ModelCall.error_kind,
    ModelCall.error,
)  # fmt: skip


def shown(call: Mapping[Any, Any]) -> dict[str, Any]:
    """A call as a timeline tells it; where `cost_usd` is null, `unpriced` says why."""
    told = {
        f"call_{column.key}" if column.key == "id" else column.key: call[column.key]
        for column in SHOWN
    }
    cost = call["cost_usd"]
    return told | {"cost_usd": None if cost is None else float(cost)}
