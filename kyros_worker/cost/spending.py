"""What days' budgets count, so that calls that begin at once can't pass a limit together.

A counter is a row: settled costs and open reservations of the calls that began on its day. Whoever
begins or settles calls locks the counters that they count to, all of them in one order, until the
transaction ends. Where no limit is set there is no counter, and no statement.
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import (
    Connection,
    Numeric,
    and_,
    column,
    delete,
    func,
    insert,
    or_,
    select,
    update,
)

from kyros_worker.budgets import Budgets, Limits
from kyros_worker.bulk import BulkWrite, Writes, as_rows, rows_of
from kyros_worker.clock import now
from kyros_worker.cost.limits import (
    SCOPE_OF_ALL,
    SCOPE_OF_ONE,
    Counter,
    OwnBudget,
    Refusal,
    Standing,
    alerts,
    counters,
    refusal_by_day,
)
from kyros_worker.cost.tables import ModelCall, Spending
from kyros_worker.ids import id_floor
from kyros_worker.prepared import PREPARED
from kyros_worker.webhook.alert import raise_alert

#: Counters are made one after the other: each sums up what was written before.
_MAKING = 4_152_638
_KEY = ("mode", "scope", "day")
#: An id is drawn a moment before the call's beginning is told.
_MOMENT = timedelta(minutes=1)
#: No transaction lasts as long that read of a key before it had a budget of its own.
_SETTLES_WITHIN = timedelta(minutes=1)
#: A call that began on a day may end on the next.
_KEPT = timedelta(days=2)


class Spendings:
    """Locked counters with their limits, and what this transaction adds to them.

    `stored` is what their rows hold, `amounts` what they should.
    """

    def __init__(
        self,
        budgets: Budgets,
        limits: dict[Counter, Limits],
        stored: dict[Counter, Decimal],
        amounts: dict[Counter, Decimal],
    ) -> None:
        self._budgets = budgets
        self._limits = limits
        self._before = stored
        self._amounts = amounts
        self._refused: dict[Counter, Refusal] = {}

    def reserve(
        self, call: Mapping[str, Any], at: datetime, needed: Decimal | None
    ) -> Refusal | None:
        """Counts a call that begins now, unless a hard limit leaves no room: gives that limit.

        `call` is its task, as it was locked; so it is below. `needed` is None without a price.
        """
        refusal = refusal_by_day(self.standings(call, at), needed)
        if refusal is None:
            self._add(self._of(call, at), needed or Decimal(0))
        elif refusal.counter is not None:
            self._refused.setdefault(refusal.counter, refusal)
        return refusal

    def correct(self, call: Mapping[str, Any], began: datetime, by: Decimal) -> None:
        """Counts what a call that began then costs more (or less) than it was counted at."""
        self._add(self._of(call, began), by)

    def standings(self, call: Mapping[str, Any], at: datetime) -> list[Standing]:
        """The counters of a call that begins now, with what they hold."""
        return [
            Standing(one, limits, self._amounts[one]) for one, limits in self._of(call, at).items()
        ]

    def added(self, counter: Counter) -> Decimal:
        """What this transaction has added to a counter so far."""
        return self._amounts[counter] - self._before[counter]

    def write(self, writes: Writes, at: datetime) -> None:
        """Writes what was added, and the alerts that follow from it."""
        for counter, amount in self._amounts.items():
            if added := self.added(counter):
                writes.add(_ADDED, {**vars(counter), "added": added})
            limits, refused = self._limits[counter], self._refused.get(counter)
            for key, data in alerts(limits, counter, amount, refused):
                raise_alert(writes, key, data, at, mode=counter.mode, once=True)

    def _of(self, call: Mapping[str, Any], at: datetime) -> dict[Counter, Limits]:
        return _counted(self._budgets, call, at)

    def _add(self, mine: Iterable[Counter], amount: Decimal) -> None:
        for counter in mine:
            self._amounts[counter] += amount


_rows = rows_of(Spending, "spent", _KEY, column("added", Numeric))
_ADDED = BulkWrite(
    "spent",
    (*_KEY, "added"),
    update(Spending)
    .where(*(Spending.__table__.c[name] == _rows.c[name] for name in _KEY))
    .values(amount_usd=Spending.amount_usd + _rows.c.added),
)


def lock(
    connection: Connection, budgets: Budgets, calls: Iterable[tuple[Mapping[str, Any], datetime]]
) -> Spendings:
    """Locks the counters of calls (their tasks, locked) that begin or began at these times.

    Nobody may hold the lock of a counter before; tasks are locked first.
    """
    wanted: dict[Counter, Limits] = {}
    fresh: set[Counter] = set()
    for call, at in calls:
        of_call = _counted(budgets, call, at)
        wanted |= of_call
        if _is_fresh(call):
            fresh |= of_call.keys()
    if not wanted:
        return Spendings(budgets, {}, {}, {})
    stored: dict[Counter, Decimal] = {}
    # Again where a process that has other limits has forgotten one meanwhile.
    while stored.keys() != wanted.keys():
        missing = wanted.keys() - _read(connection, _THERE, wanted).keys()
        if missing:
            _make(connection, missing)
        stored = _read(connection, _LOCKED, wanted)
    amounts = {
        one: summed_up(connection, one) if one in fresh else amount
        for one, amount in stored.items()
    }
    return Spendings(budgets, wanted, stored, amounts)


def forget_counters(connection: Connection, budgets: Budgets, today: date) -> None:
    """Deletes the counters of days that are over, and those that no limit asks for any more.

    Who needs one again makes it of what the ledger holds. So a limit that is taken away and set
    again on the same day counts what was spent meanwhile.
    """
    unasked = [] if budgets.day.are_set else [Spending.scope == SCOPE_OF_ALL]
    if not budgets.key_day.are_set:
        unasked.append(Spending.scope.startswith(SCOPE_OF_ONE))
    old = Spending.day < today - _KEPT
    connection.execute(delete(Spending).where(or_(old, *unasked)))


def own_budget(row: Mapping[Any, Any]) -> OwnBudget | None:
    """The key's own budget, of a row that has its columns."""
    hard, since = row["day_budget_usd"], row["day_budget_since"]
    return None if hard is None else OwnBudget(hard, since)


def _counted(budgets: Budgets, call: Mapping[str, Any], at: datetime) -> dict[Counter, Limits]:
    return counters(budgets, call["mode"], call["created_by"], own_budget(call), at.date())


def _is_fresh(call: Mapping[str, Any]) -> bool:
    """Whether its key has its own budget for so short a time that some call may not know of it.

    That call's transaction was under way, and counts nothing: so the ledger is summed up again.
    """
    own = own_budget(call)
    return own is not None and now() - own.since < _SETTLES_WITHIN


_wanted = rows_of(Spending, "wanted", _KEY)
_THERE = (
    select(*Spending.__table__.columns)
    .join(_wanted, and_(*(Spending.__table__.c[name] == _wanted.c[name] for name in _KEY)))
    .execution_options(**PREPARED)
)
_LOCKED = _THERE.order_by(*(Spending.__table__.c[name] for name in _KEY)).with_for_update(
    of=Spending
)


def _read(
    connection: Connection, query: Any, wanted: Collection[Counter]
) -> dict[Counter, Decimal]:
    rows = as_rows([vars(counter) for counter in sorted(wanted)])
    found = connection.execute(query, {"wanted": rows, "wanted_count": len(wanted)})
    return {Counter(row.mode, row.scope, row.day): row.amount_usd for row in found}


def _make(connection: Connection, missing: set[Counter]) -> None:
    """Makes counters of what the ledger holds: a limit may be set in the midst of a day.

    Everybody who writes a call that counts to them comes by here before, or after the commit.
    """
    connection.execute(select(func.pg_advisory_xact_lock(_MAKING)))
    there = _read(connection, _THERE, missing)
    for counter in sorted(missing - there.keys()):
        values = {**vars(counter), "amount_usd": summed_up(connection, counter)}
        connection.execute(insert(Spending).values(values))


def amounts(connection: Connection, wanted: Collection[Counter]) -> dict[Counter, Decimal]:
    """What is spent or reserved, in USD, of counters that may not have been made yet; no lock."""
    if not wanted:
        return {}
    there = _read(connection, _THERE, wanted)
    return {one: there[one] if one in there else summed_up(connection, one) for one in wanted}


def summed_up(connection: Connection, counter: Counter) -> Decimal:
    """What the ledger holds for a counter, in USD: settled costs and open reservations."""
    begin = datetime.combine(counter.day, datetime.min.time(), UTC)
    end = begin + timedelta(days=1)
    amount = func.coalesce(ModelCall.cost_usd, ModelCall.reserved_usd)
    query = select(func.sum(amount)).where(
        ModelCall.id >= id_floor("call", begin - _MOMENT),
        ModelCall.id < id_floor("call", end),
        ModelCall.mode == counter.mode,
        ModelCall.started_at >= begin,
        ModelCall.started_at < end,
    )
    if counter.created_by is not None:
        query = query.where(ModelCall.created_by == counter.created_by)
    return connection.execute(query).scalar() or Decimal(0)
