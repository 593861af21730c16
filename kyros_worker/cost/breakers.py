"""The breakers of live models as rows, so that all workers of the fleet agree (`model.breaker`).

What a breaker knows it has from the calls of the ledger: their outcomes, and whether its probe is
still running. A probe is free again as soon as its call has ended in any way, its worker's death
included. The sandbox has no breaker: a rehearsed fault is one task's alone.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, func, select, update
from sqlalchemy.dialects.postgresql import insert

from kyros_worker.bulk import Writes, is_one_of, updating
from kyros_worker.clock import now
from kyros_worker.cost.tables import ModelCall
from kyros_worker.model.breaker import (
    Breaker,
    State,
    after_answer,
    after_fault,
    alert,
    asked_again_at,
    is_fault,
    state,
)
from kyros_worker.model.catalog import ChosenModel
from kyros_worker.model.failure import Failure
from kyros_worker.model.tables import BreakerRow
from kyros_worker.prepared import PREPARED
from kyros_worker.settings import current
from kyros_worker.webhook.alert import raise_alert, resolve_alert
from kyros_worker.words import ROLES, TIERS

_FIELDS = [field.name for field in fields(Breaker)]
_ROWS = select(*BreakerRow.__table__.columns, func.clock_timestamp().label("at"))
_is_probing = (
    select(ModelCall.id)
    .where(ModelCall.id == BreakerRow.probe_call_id, ModelCall.state == "started")
    .exists()
)
_IN_TROUBLE = (
    _ROWS.add_columns(_is_probing.label("probing"))
    .where(BreakerRow.faults > 0)
    .execution_options(**PREPARED)
)


class Breakers:
    """The breakers as a transaction that begins calls finds them."""

    def __init__(self, connection: Connection, at: datetime, found: Mapping[str, Breaker],
                 probing: set[str]) -> None:  # fmt: skip
        self._connection = connection
        self._at = at
        self._found = found
        self._probing = probing

    def first_through(self, models: Sequence[ChosenModel], call_id: str) -> ChosenModel | None:
        """The first of these models that this call may be made to; None where none lets it through.

        Where it is let through as a probe it is kept as such: no other is, as long as it runs.
        """
        return next((one for one in models if self._lets_through(one.full_name, call_id)), None)

    def pause(self, models: Sequence[ChosenModel]) -> float:
        """In how many seconds to ask again for a call that none of these models lets through."""
        asked = (self._asked_again_at(model.full_name) or self._at for model in models)
        return max(1.0, (min(asked) - self._at).total_seconds())

    def _asked_again_at(self, model: str) -> datetime | None:
        breaker = self._found.get(model, Breaker())
        return asked_again_at(breaker, self._at, probing=model in self._probing)

    def _lets_through(self, model: str, call_id: str) -> bool:
        breaker = self._found.get(model, Breaker())
        if breaker.is_closed:
            return True
        if self._asked_again_at(model) is not None:
            return False
        # It is given to this call, or was given to another's since it was read.
        self._probing.add(model)
        probe = {"model": model, "seen_until": breaker.open_until,
                 "seen_probe": breaker.probe_call_id, "call_id": call_id}  # fmt: skip
        return self._connection.execute(_PROBE, probe).rowcount == 1


#: Compare-and-set. Who finds the row locked is too late, and must not wait: it may hold another.
_PROBE = (
    update(BreakerRow)
    .where(
        BreakerRow.id
        == select(BreakerRow.id)
        .where(
            BreakerRow.id == bindparam("model"),
            BreakerRow.open_until == bindparam("seen_until"),
            BreakerRow.probe_call_id.is_not_distinct_from(bindparam("seen_probe")),
        )
        .with_for_update(skip_locked=True)
        .scalar_subquery()
    )
    .values(probe_call_id=bindparam("call_id"))
)


def read(connection: Connection) -> Breakers:
    """The breakers of all models, for a transaction that is going to begin live calls."""
    rows = connection.execute(_IN_TROUBLE).mappings().all()
    at = rows[0]["at"] if rows else now()
    probing = {row["id"] for row in rows if row["probing"]}
    return Breakers(connection, at, {row["id"]: _breaker(row) for row in rows}, probing)


def failed_by(connection: Connection, submission_ids: Sequence[str]) -> dict[str, str]:
    """The model, `provider:name`, of the newest fault of a provider in each of these submissions.

    Those without a fault are left out.
    """
    rows = connection.execute(_CALLS_THAT_FAILED, {"ids": list(submission_ids)})
    return {row.submission_id: row.full_name for row in rows if is_fault(row.error_kind)}


_full_name = ModelCall.provider + ":" + ModelCall.model
_CALLS_THAT_FAILED = (
    select(ModelCall.submission_id, ModelCall.error_kind, _full_name.label("full_name"))
    .where(is_one_of(ModelCall.submission_id, "ids"), ModelCall.state == "failed")
    .order_by(ModelCall.claim, ModelCall.number)
    .execution_options(**PREPARED)
)

#: What `note` reads of a call, and how it is joined to a query of calls: so healthy models cost
#: the record no statement of its own.
FAULTS = BreakerRow.faults.label("breaker_faults")
OF_CALL = (BreakerRow, BreakerRow.id == _full_name)


def note(
    connection: Connection,
    writes: Writes,
    heard: Iterable[tuple[Mapping[Any, Any], Failure | None]],
) -> None:
    """Has the breakers learn from calls that ended, each with its failure; None for an answer.

    A call names its `id`, `mode`, `provider`, `model` and FAULTS. Locks the breakers concerned
    until the transaction ends; tasks and spendings are locked first.
    """
    concerning = [
        (f"{call['provider']}:{call['model']}", call, failure)
        for call, failure in heard
        if call["mode"] == "live" and (call["breaker_faults"] or _is_fault(failure))
    ]
    if not concerning:
        return
    missing = {name for name, call, _ in concerning if call["breaker_faults"] is None}
    rows = _locked(connection, {name for name, _, _ in concerning}, missing)
    for name, call, failure in concerning:
        before, at = _breaker(rows[name]), rows[name]["at"]
        if failure is not None and _is_fault(failure):
            after = after_fault(before, call["id"], failure, at)
        else:
            after = after_answer(before, call["id"])
        if after != before:
            rows[name] |= vars(after)
            writes.add_once(_CHANGED, rows[name])
        if (data := alert(name, before, after)) is not None:
            tell = resolve_alert if after.is_closed else raise_alert
            tell(writes, f"provider_down {name}", data, at, mode="live")


_CHANGED = updating("breakers", BreakerRow, _FIELDS)
_LOCKED = (
    _ROWS.where(is_one_of(BreakerRow.id, "ids"))
    .order_by(BreakerRow.id)
    .with_for_update()
    .execution_options(**PREPARED)
)


def _locked(
    connection: Connection, names: set[str], missing: set[str]
) -> dict[str, dict[str, Any]]:
    """The rows of these models, locked, all in one order; those that are missing are made."""
    if missing:
        new = [{"id": name} for name in sorted(missing)]
        connection.execute(insert(BreakerRow).values(new).on_conflict_do_nothing())
    rows = connection.execute(_LOCKED, {"ids": sorted(names)}).mappings()
    return {row["id"]: dict(row) for row in rows}


@dataclass(frozen=True)
class ModelHealth:
    """How a configured live model stands; `model` is `provider:name`."""

    model: str
    state: State
    #: Faults in a row, and what the last of them was.
    faults: int = 0
    error_kind: str | None = None
    error: str | None = None
    #: Since when it has not been closed, and when the next probe may begin.
    opened_at: datetime | None = None
    open_until: datetime | None = None


def breakers(connection: Connection) -> list[ModelHealth]:
    """How each model stands that the configuration names for live work, in the file's order."""
    configuration = current().configuration
    named = [
        model
        for tier in TIERS
        for role in ROLES
        for model in configuration.chosen(role, tier).in_order
    ]
    rows = {row["id"]: row for row in connection.execute(_IN_TROUBLE).mappings()}
    return [
        _health(model, rows[model]) if model in rows else ModelHealth(model, "closed")
        for model in dict.fromkeys(named)
    ]


def _health(model: str, row: Mapping[Any, Any]) -> ModelHealth:
    breaker = _breaker(row)
    return ModelHealth(
        model=model,
        state=state(breaker, row["at"]),
        faults=breaker.faults,
        error_kind=breaker.error_kind,
        error=breaker.error,
        opened_at=breaker.opened_at,
        open_until=breaker.open_until,
    )


def _breaker(row: Mapping[Any, Any]) -> Breaker:
    return Breaker(**{name: row[name] for name in _FIELDS})


def _is_fault(failure: Failure | None) -> bool:
    return failure is not None and is_fault(failure.kind)
