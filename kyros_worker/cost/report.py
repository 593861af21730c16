"""What was spent in a period and on what, read from the ledger of calls that have ended."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Literal, get_args

from sqlalchemy import (
    ColumnElement,
    Connection,
    Interval,
    RowMapping,
    bindparam,
    func,
    literal_column,
    select,
)

from kyros_worker.auth.subject import Mode
from kyros_worker.budgets import Budgets, Limits
from kyros_worker.clock import now, rfc3339
from kyros_worker.cost.limits import Counter, counters, limits_of
from kyros_worker.cost.savings import Answer, savings
from kyros_worker.cost.spending import amounts
from kyros_worker.cost.tables import ModelCall
from kyros_worker.settings import current

Period = Literal["1h", "6h", "1d", "7d", "30d"]
PERIODS: tuple[Period, ...] = get_args(Period)

_HOUR = timedelta(hours=1)
#: How long each period is, and each of the steps that its series is made of.
_LENGTHS: dict[Period, tuple[timedelta, timedelta]] = {
    "1h": (_HOUR, timedelta(minutes=1)),
    "6h": (6 * _HOUR, timedelta(minutes=5)),
    "1d": (24 * _HOUR, _HOUR),
    "7d": (7 * 24 * _HOUR, 6 * _HOUR),
    "30d": (30 * 24 * _HOUR, 24 * _HOUR),
}


@dataclass
class _Sum:
    """Calls that have ended, together."""

    cost: Decimal = Decimal(0)
    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0

    def add(self, row: RowMapping) -> None:
        self.cost += row["cost"]
        self.calls += row["calls"]
        self.input_tokens += row["input_tokens"]
        self.output_tokens += row["output_tokens"]

    def shown(self) -> dict[str, Any]:
        return {**vars(self), "cost": float(self.cost)}


@dataclass
class _Sums:
    """Sums by name, the dearest first."""

    found: defaultdict[str, _Sum] = field(default_factory=lambda: defaultdict(_Sum))

    def shown(self) -> dict[str, Any]:
        ordered = sorted(self.found.items(), key=lambda one: (-one[1].cost, one[0]))
        return {name: one.shown() for name, one in ordered}


def costs(connection: Connection, mode: Mode, created_by: str, period: Period) -> dict[str, Any]:
    """The report of a mode's costs over the period that ends now (contract, "Monitoring").

    The budget of a key's day is that of `created_by`. Money is exact until it is told, as numbers.
    """
    at = now()
    length, step = _LENGTHS[period]
    since = at - length
    values = {"mode": mode, "since": since, "until": at, "step": step}
    rows = connection.execute(_GROUPED, values).mappings().all()
    return {
        "period": period,
        "from": rfc3339(since),
        "to": rfc3339(at),
        "mode": mode,
        "currency": "USD",
        **_totals(rows),
        **{f"by_{name}": _by(rows, name) for name in ("model", "role", "tier")},
        "series": _series(rows, since, step, length // step),
        "savings": _savings(rows),
        "budget": _budget(connection, mode, created_by, at),
    }


def task_costs(connection: Connection, task_id: str, mode: Mode) -> dict[str, Any]:
    """The same of one task's calls, all runs of it; the caller knows that the task is there."""
    rows = connection.execute(_OF_TASK, {"task_id": task_id}).mappings().all()
    return {
        "task_id": task_id,
        "mode": mode,
        "currency": "USD",
        **_totals(rows),
        **{f"by_{name}": _by(rows, name) for name in ("model", "role", "tier")},
        "savings": _savings(rows),
    }


_zero: ColumnElement[Decimal] = literal_column("0::numeric")
_cost = func.coalesce(func.sum(ModelCall.cost_usd), _zero)
_is_compared = ModelCall.accepted & ModelCall.premium_usd.is_not(None)
_not_compared = ModelCall.accepted & ModelCall.premium_usd.is_(None)
_bucket = func.date_bin(
    bindparam("step", type_=Interval), ModelCall.started_at, bindparam("since")
).label("bucket")
#: What calls have in common, and what they add up to.
_SUMS = (
    (ModelCall.provider + ":" + ModelCall.model).label("model"),
    ModelCall.role,
    ModelCall.tier,
    _cost.label("cost"),
    func.count().label("calls"),
    func.coalesce(func.sum(ModelCall.input_tokens), 0).label("input_tokens"),
    func.coalesce(func.sum(ModelCall.output_tokens), 0).label("output_tokens"),
    func.count(ModelCall.unpriced).label("unpriced_calls"),
    func.count().filter(ModelCall.estimated).label("estimated_calls"),
    func.coalesce(func.sum(ModelCall.cost_usd).filter(ModelCall.estimated), _zero).label(
        "estimated_cost"
    ),
    func.coalesce(func.sum(ModelCall.premium_usd).filter(_is_compared), _zero).label(
        "premium_only"
    ),
    func.coalesce(func.sum(ModelCall.cost_usd).filter(_not_compared), _zero).label(
        "not_compared_cost"
    ),
    func.count().filter(_not_compared).label("not_compared"),
)
_ALIKE = (ModelCall.provider, ModelCall.model, ModelCall.role, ModelCall.tier)
#: A row for each step of time, model, role and tier: few, however many calls there were.
_GROUPED = (
    select(_bucket, *_SUMS)
    .where(
        ModelCall.mode == bindparam("mode"),
        ModelCall.started_at >= bindparam("since"),
        ModelCall.started_at < bindparam("until"),
        ModelCall.state != "started",
    )
    .group_by(_bucket, *_ALIKE)
)
_OF_TASK = (
    select(*_SUMS)
    .where(ModelCall.task_id == bindparam("task_id"), ModelCall.state != "started")
    .group_by(*_ALIKE)
)


def _totals(rows: Sequence[RowMapping]) -> dict[str, Any]:
    return {
        "total_cost": float(sum((row["cost"] for row in rows), Decimal(0))),
        "calls": sum(row["calls"] for row in rows),
        "unpriced_calls": sum(row["unpriced_calls"] for row in rows),
        "estimated_calls": sum(row["estimated_calls"] for row in rows),
        "estimated_cost": float(sum((row["estimated_cost"] for row in rows), Decimal(0))),
    }


def _by(rows: Iterable[RowMapping], name: str) -> dict[str, Any]:
    sums = _Sums()
    for row in rows:
        sums.found[row[name]].add(row)
    return sums.shown()


def _series(
    rows: Iterable[RowMapping], since: datetime, step: timedelta, count: int
) -> list[dict[str, Any]]:
    """Every step of the period, those without a call too."""
    sums: defaultdict[datetime, _Sum] = defaultdict(_Sum)
    for row in rows:
        sums[row["bucket"]].add(row)
    steps = (since + index * step for index in range(count))
    return [
        {"at": rfc3339(at), "cost": float(sums[at].cost), "calls": sums[at].calls} for at in steps
    ]


def _savings(rows: Sequence[RowMapping]) -> dict[str, Any]:
    answers = [Answer(Decimal(0), row["premium_only"]) for row in rows]
    answers += [Answer(row["not_compared_cost"], None) for row in rows if row["not_compared"]]
    found = savings(answers, sum((row["cost"] for row in rows), Decimal(0)))
    return {
        "vs_premium_only": float(found.usd),
        "percentage": round(float(found.percentage), 4),
        "premium_only_cost": float(found.premium_only_usd),
        "not_compared_answers": sum(row["not_compared"] for row in rows),
        "estimate": True,
    }


def _budget(connection: Connection, mode: Mode, created_by: str, at: datetime) -> dict[str, Any]:
    """The limits that are set, and how much of the days' is spent or reserved."""
    budgets = current().configuration.budgets
    mine = list(counters(budgets, mode, created_by, at.date()))
    spent = amounts(connection, mine)
    told: dict[str, Any] = {
        counter.limit: _day(budgets, counter, spent[counter]) for counter in mine
    }
    task = {"task": _limits(budgets.task)} if budgets.task.are_set else {}
    return {**told, **task}


def _day(budgets: Budgets, counter: Counter, amount: Decimal) -> dict[str, Any]:
    limits = limits_of(budgets, counter)
    return {"day": counter.day.isoformat(), "spent": float(amount), **_limits(limits)}


def _limits(limits: Limits) -> dict[str, Any]:
    set_ = {"soft": limits.soft, "hard": limits.hard}
    return {name: float(limit) for name, limit in set_.items() if limit is not None}
