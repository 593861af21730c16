"""The ledger of model calls: each is written before it begins and settled when it ends.

A call is written with its reservation, the most that it can cost. When it ends without anybody
telling what it used, that is what it counts at, marked `estimated`, until its own worker knows
better (docs/reference/money.md).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

from sqlalchemy import Connection, RowMapping, case, func, null, or_, select, update
from sqlalchemy.orm import aliased

from kyros_worker.bulk import BulkWrite, Writes, inserting, is_one_of, rows_of, updating
from kyros_worker.cost.tables import ModelCall
from kyros_worker.model.prices import Unpriced
from kyros_worker.prepared import PREPARED

EndState = Literal["completed", "failed", "aborted", "lost"]

#: All that is known of a call that ended with no word of its usage: it counts at its reservation.
_ESTIMATE = {
    "cost_usd": ModelCall.reserved_usd,
    "estimated": ModelCall.reserved_usd.is_not(None),
    "unpriced": case((ModelCall.reserved_usd.is_(None), "no_price"), else_=null()),
    "premium_usd": case((ModelCall.tier == "premium", ModelCall.reserved_usd), else_=null()),
}


@dataclass(frozen=True)
class NewCall:
    """A call that is about to begin; `created_by` made its task, `run` is the task's."""

    id: str
    task_id: str
    submission_id: str
    run: int
    claim: int
    number: int
    mode: str
    created_by: str
    role: str
    tier: str
    provider: str
    model: str
    prompt: str
    #: USD, the most that it can cost; None when the model has no price.
    reserved_usd: Decimal | None
    price_version: str | None


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
    #: USD, what these tokens cost at the role's premium price. A premium call's is its cost.
    premium_usd: Decimal | None = None
    answer: str | None = None
    error_kind: str | None = None
    error: str | None = None
    estimated: bool = False
    accepted: bool = False


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
    then stays, but its estimated cost gives way to what is known.
    """
    state = settlement.state if call["state"] == "started" else call["state"]
    settled = {**vars(_counted(settlement, call)), "state": state}
    writes.add(_SETTLED, {**settled, "id": call["id"], "ended_at": at})
    return {name: settled.get(name, call[name]) for name in call}


def cost_of(call: Mapping[Any, Any]) -> Decimal:
    """What a call has added to its task's cost so far, in USD; 0 where that is not known."""
    return call["cost_usd"] or Decimal(0)


def unpriced_of(call: Mapping[Any, Any]) -> int:
    """How many calls of unknown cost it is: 1 or 0."""
    return int(call["unpriced"] is not None)


def committed(call: Mapping[Any, Any]) -> Decimal:
    """What a call counts at for a budget, in USD: its cost, and until it has ended the most."""
    return cost_of(call) if call["state"] != "started" else call["reserved_usd"] or Decimal(0)


def _counted(settlement: Settlement, call: Mapping[Any, Any]) -> Settlement:
    """The settlement with the reservation where the usage was not reported."""
    cost, premium = settlement.cost_usd, settlement.premium_usd
    if cost is not None or settlement.unpriced == "no_price":
        counted = settlement
    elif (cost := call["reserved_usd"]) is None:
        counted = replace(settlement, unpriced="no_price")
    else:
        counted = replace(settlement, cost_usd=cost, unpriced=None, estimated=True)
    return replace(counted, premium_usd=cost if call["tier"] == "premium" else premium)


def end_calls(
    connection: Connection, submission_id: str, state: EndState, at: datetime
) -> Sequence[RowMapping]:
    """Marks the calls of a submission whose lease is taken away; gives the marked ones.

    They count at their reservation, estimated, as long as nobody settles them.
    """
    statement = (
        update(ModelCall)
        .where(ModelCall.submission_id == submission_id, ModelCall.state == "started")
        .values(state=state, ended_at=at, **_ESTIMATE)
        .returning(*SHOWN)
    )
    return connection.execute(statement).mappings().all()


def accept_answers(writes: Writes, task_id: str, run: int, last_id: str, last_role: str) -> None:
    """Marks the answers that a task is completed with: of its run, each role's newest.

    The last call, which completes it, is settled as accepted in the same transaction, and not
    touched here. Answers that an earlier run was completed with are no longer accepted.
    """
    writes.add(_ACCEPTED, {"task_id": task_id, "run": run, "id": last_id, "role": last_role})


_LAST = ("id", "task_id", "run", "role")
_last = rows_of(ModelCall, "accepted_calls", _LAST)
_earlier = aliased(ModelCall)
_newest = (
    select(func.max(_earlier.id))
    .join(_last, _earlier.task_id == _last.c.task_id)
    .where(
        _earlier.run == _last.c.run,
        _earlier.state == "completed",
        _earlier.role != _last.c.role,
    )
    .group_by(_earlier.task_id, _earlier.role)
)
_is_accepted = ModelCall.id.in_(_newest)
_ACCEPTED = BulkWrite(
    "accepted_calls",
    _LAST,
    update(ModelCall)
    .where(
        ModelCall.task_id == _last.c.task_id,
        ModelCall.id != _last.c.id,
        or_(ModelCall.accepted, _is_accepted),
    )
    .values(accepted=_is_accepted),
)


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
    ModelCall.cost_usd, ModelCall.estimated, ModelCall.unpriced, ModelCall.reserved_usd,
    ModelCall.price_version, ModelCall.latency_seconds, ModelCall.error_kind, ModelCall.error,
)  # fmt: skip


def shown(call: Mapping[Any, Any]) -> dict[str, Any]:
    """A call as a timeline tells it; where `cost_usd` is null, `unpriced` says why."""
    told = {
        f"call_{column.key}" if column.key == "id" else column.key: call[column.key]
        for column in SHOWN
    }
    return told | {name: _number(call[name]) for name in ("cost_usd", "reserved_usd")}


def _number(amount: Decimal | None) -> float | None:
    return None if amount is None else float(amount)
