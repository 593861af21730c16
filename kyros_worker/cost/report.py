"""What was spent in a period and on what, of the calls of the ledger that have ended."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Literal, get_args

from sqlalchemy import (
    ColumnElement,
    Connection,
    RowMapping,
    bindparam,
    func,
    literal_column,
    select,
)

from kyros_worker.auth.queries import OWN_BUDGET
from kyros_worker.auth.subject import Mode
from kyros_worker.auth.tables import ApiKey
from kyros_worker.budgets import Limits
from kyros_worker.clock import now, rfc3339
from kyros_worker.cost.limits import Counter, counters
from kyros_worker.cost.savings import Answer, savings
from kyros_worker.cost.spending import amounts, own_budget
from kyros_worker.cost.tables import ModelCall
from kyros_worker.rollup.read import MODE, PIECES, Sums
from kyros_worker.rollup.spans import steps_of
from kyros_worker.rollup.tables import CallSum
from kyros_worker.settings import current

Period = Literal["1h", "6h", "1d", "7d", "30d"]
PERIODS: tuple[Period, ...] = get_args(Period)

Row = Mapping[str, Any]

_HOUR = timedelta(hours=1)
#: How long each period is, and each of the steps that its series is made of.
LENGTHS: dict[Period, tuple[timedelta, timedelta]] = {
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

    def add(self, row: Row) -> None:
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
    length, step = LENGTHS[period]
    since = at - length
    bounds = steps_of(since, step, length // step)
    found = [(number, _named(row)) for number, row in _SUMMED.over(connection, mode, bounds)]
    rows = [row for _, row in found]
    return {
        "period": period,
        "from": rfc3339(since),
        "to": rfc3339(at),
        "mode": mode,
        "currency": "USD",
        **_totals(rows),
        **{f"by_{name}": _by(rows, name) for name in ("model", "role", "tier")},
        "series": _series(found, bounds),
        "savings": _savings(rows),
        "budget": _budget(connection, mode, created_by, at),
    }


def task_costs(connection: Connection, task_id: str, mode: Mode) -> dict[str, Any]:
    """The same of one task's calls, all runs of it; the caller knows that the task is there."""
    found = connection.execute(_OF_TASK, {"task_id": task_id}).mappings()
    rows = [_named(row) for row in found]
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
#: What calls have in common, and what they add up to.
_ALIKE = (ModelCall.provider, ModelCall.model, ModelCall.role, ModelCall.tier)
_SUMS = (
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
#: Of what the sums of whole minutes and hours don't tell: the calls at the edges of the steps.
_MOMENTS = (
    select(*_ALIKE, *_SUMS)
    .where(
        ModelCall.mode == MODE,
        ModelCall.started_at >= PIECES.c.begin,
        ModelCall.started_at < PIECES.c.end,
        ModelCall.state != "started",
    )
    .group_by(*_ALIKE)
    .lateral("moments")
)
_SUMMED = Sums(
    CallSum,
    [one.key for one in _ALIKE],
    [one.name for one in _SUMS],
    _MOMENTS,
)
_OF_TASK = (
    select(*_ALIKE, *_SUMS)
    .where(ModelCall.task_id == bindparam("task_id"), ModelCall.state != "started")
    .group_by(*_ALIKE)
)


def _named(row: RowMapping) -> Row:
    """A sum with its model as the configuration names it."""
    return {**row, "model": f"{row['provider']}:{row['model']}"}


def _totals(rows: Sequence[Row]) -> dict[str, Any]:
    return {
        "total_cost": float(sum((row["cost"] for row in rows), Decimal(0))),
        "calls": sum(row["calls"] for row in rows),
        "unpriced_calls": sum(row["unpriced_calls"] for row in rows),
        "estimated_calls": sum(row["estimated_calls"] for row in rows),
        "estimated_cost": float(sum((row["estimated_cost"] for row in rows), Decimal(0))),
    }


def _by(rows: Iterable[Row], name: str) -> dict[str, Any]:
    sums = _Sums()
    for row in rows:
        sums.found[row[name]].add(row)
    return sums.shown()


def _series(found: Iterable[tuple[int, Row]], bounds: Sequence[datetime]) -> list[dict[str, Any]]:
    """Every step of the period, those without a call too."""
    sums: defaultdict[int, _Sum] = defaultdict(_Sum)
    for number, row in found:
        sums[number].add(row)
    return [
        {"at": rfc3339(at), "cost": float(sums[number].cost), "calls": sums[number].calls}
        for number, at in enumerate(bounds[:-1])
    ]


def _savings(rows: Sequence[Row]) -> dict[str, Any]:
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
    key = connection.execute(select(*OWN_BUDGET).where(ApiKey.id == created_by)).mappings().first()
    own = None if key is None else own_budget(key)
    counted = counters(budgets, mode, created_by, own, at.date())
    mine = {counter: limits for counter, limits in counted.items() if limits.are_set}
    spent = amounts(connection, mine)
    told: dict[str, Any] = {
        counter.limit: _day(counter, limits, spent[counter]) for counter, limits in mine.items()
    }
    task = {"task": _limits(budgets.task)} if budgets.task.are_set else {}
    return {**told, **task}


def _day(counter: Counter, limits: Limits, amount: Decimal) -> dict[str, Any]:
    return {"day": counter.day.isoformat(), "spent": float(amount), **_limits(limits)}


def _limits(limits: Limits) -> dict[str, Any]:
    set_ = {"soft": limits.soft, "hard": limits.hard}
    return {name: float(limit) for name, limit in set_.items() if limit is not None}
